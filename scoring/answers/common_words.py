"""Common English words that a picture may be called, in their base form.

A typed word of this list is taken at its word: it is never a misspelling of a concept ("frame" is
no "flame"). The list need not be complete; it holds what people type at pictures and the words that
lie an edit or two away from those.
"""

from __future__ import annotations

_WORDS = """
able abstract acid acorn acrobat actor adult aeroplane air aircraft airplane airport alarm album algae
alien alley alligator almond alphabet amber ample anchor angel anger angle animal ankle ant antelope
anvil ape apple apricot apron arch archer arena arm armchair armor army arrow art artist ash asparagus
astronaut athlete atom attic aunt avocado axe baboon baby back background backpack bacon badge badger
bag bagel bake baker ball ballet balloon bamboo banana band bandage bang banjo bank banner bar barber
bark barn barrel base baseball basin basket basketball bass bat bath bathtub battery bay bead beak beam
bean bear beard beast beat beaver bed bee beech beef beer beet beetle beggar bell belly belt bench bend
berry bicycle bike bill bin binoculars bird biscuit bishop bison bite black blade blame blank blanket
blast blaze bleach blender blind blob block blonde blood bloom blossom blouse blow blue blur boar board
boat body bog boil bold bolt bomb bone bonfire bonnet book boom boot border bottle bottom boulder
bouquet bow bowl box boy bracelet brain brake branch brass brave bread break breast breath breeze brick
bride bridge bright broccoli broken broom brother brown brunch brush bubble bucket buckle bud buffalo
bug building bull bullet bun bundle bunny buoy burger burn burrow bus bush business butcher butter
butterfly buttery button cabbage cabin cabinet cable cactus cage cake calculator calendar calf call calm
camel camera camp campfire can canal canary cancel candid candle candy cane cannon canoe canvas canyon
cap cape car caravan card cardboard care cargo caring carp carpet carriage carrot cart cartoon cascade
case cash cashew cast castle cat caterpillar cattle cauliflower cave ceiling celery cell cello cement
cemetery center centipede ceramic cereal chain chair chalk champagne chandelier chapel chariot charm
chart chase cheap cheek cheese cheetah chef cherry chess chest chestnut chick chicken chief child
chimney chimpanzee chin chip chisel chocolate chord church cigar cigarette cinema circle circus city
clam clamp clap clarinet class claw clay clean clear cliff climb cloak clock cloth clothes cloud clout
clove clover clown club coal coast coat cobra cobweb cockroach cocoa coconut code coffee coffin coil
coin cold collar color colour column comb comet comic compass computer cone confetti container cook
cookie cool copper copy coral cord core cork corn corner corridor cost costume cottage cotton couch
cougar cousin cover cow cowboy crab crack cradle crane crash crate crater crawl crayon crazy cream
creature creek crepe cress crest cricket crocodile crop cross crossbow crow crowd crown cruise crust
crutch cry crystal cub cube cucumber cup cupboard curl curry curtain curve cushion custard cut cycle
cyclist cylinder dairy daisy dam damp dance dancer danger dark dart dash date dawn day dead deer dense
dentist desert desk dessert device dew diagram dial diamond diary dice dig digger dinner dinosaur dirt
disc dish dive diver diving dock doctor dog doll dollar dolphin dome donkey donut door dot double dough
dove down dragon dragonfly drain drama draw drawer drawing dream dress drift drill drink drip drive
driver drone drop droplet drum dry duck duct dull dune dust eagle ear earring earth easel east eat eel
egg eggplant eight elbow elegant elephant elevator elf elk ember emerald empty engine envelope evening
eye eyebrow eyelash fabric face factory fairy falcon fall family fan fang farm farmer fashion fast fat
faucet feast feather feed feel fence fern ferret ferry few field fig fight figure file fill film fin
finger fingerprint fir fire firefly fireman fireplace firework fish fisherman fist five flag flake flame
flamingo flare flash flask flat flavor flea fleece flesh flight flip flock flood floor flour flow flower
fluid flute fly foam fog foil fold folder food foot football footprint force forest fork form fort
fossil fountain four fox frame freight fresh fridge friend frog front frost fruit fry fuel full fun
funeral fungus funnel fur furnace furniture fury galaxy gallery game garage garden garlic gas gate
gazelle gear gecko gem ghost giant gift giraffe girl glacier glad glass glide glitter globe gloom glove
glow glue goal goat goblet god gold golf gondola good goose gorilla gown grain grand grape grapefruit
graph grass grasshopper grave gravel gray green grey grid grill grin ground group grove guard guitar
gull gum gun gutter guy hail hair haircut half hall ham hamburger hammer hammock hamster hand handle
handy hang hanger hat hawk hay haze hazel head heap heart hearth heat heaven hedge hedgehog heel
helicopter helmet hen herb herd hero heron hill hinge hip hippo hippopotamus hive hobby hockey hold hole
holly home honey hood hoof hook hoop hoot horn hornet horse hose hospital host hot hotel hound hour
house human hummingbird hunt hurdle hut hydrant hyena ice iceberg icicle icon igloo iguana ink inn
insect iris iron island ivory ivy jacket jaguar jail jam jar jaw jazz jeans jeep jelly jellyfish jet
jewel jigsaw jockey joker judge jug juggler juice jump jungle kangaroo karate kayak keg kennel kettle
key keyboard kid kidney kilt king kiss kit kitchen kite kitten kiwi knee knife knight knit knob knot
koala lab labyrinth lace ladder lady ladybug lake lamb lamp lance land landscape lane lantern lap laptop
large laser lava lawn lead leaf leap leash leather leek leg lemon lemur lens leopard letter lettuce
lever library lid lift light lighter lighthouse lightning lily limb lime line lion lip lipstick liquid
list litter live liver lizard llama loaf lobster lock locket locust log lollipop long look loop lotus
love low luggage lump lunch lung lynx machine mad magazine magic magnet maid mail mailbox man mane mango
mantis map maple marble march mare mark market marsh mask mass mast mat match maze meadow meal meat
medal medicine melon menu mermaid mesh metal meteor microphone microscope microwave milk mill mind mine
mint mirror mist mitten mixer moat mold mole money monk monkey monster moon moose mop morning mosaic
moss moth mother motor motorbike motorcycle mound mountain mouse moustache mouth mud muffin mug mule
mummy muscle museum mushroom music mussel mustache mustard nail name napkin neck necklace nectarine
needle nest net newspaper newt night nine noodle noon north nose note notebook nun nurse nut oak oar
oasis oat ocean octopus office oil old olive omelet onion open opera orange orbit orchard orchestra
orchid organ ostrich otter oval oven owl ox oyster pack package pad paddle page pail pain paint painting
pair pajamas palace palette palm pan pancake panda panel pansy pant panther pants papaya paper parachute
parade parcel park parrot parsley party pasta paste pastry patch path patio patrol pattern paw pea peace
peach peacock peak peanut pear pearl pebble pedal peel pelican pen pencil penguin people pepper perch
perfume person pet petal phone photo photograph piano pickle picnic picture pie pier pig pigeon pile
pill pillar pillow pilot pin pincers pine pineapple pink pipe pirate pistol pit pitcher pizza place
plain plan plane planet plank plant plate platform platter play player playground plier plow plug plum
plumber plume pocket pod point poison pole police polish pond pony pool pop popcorn poppy porch
porcupine port portrait poster pot potato pottery powder prawn pray present pretzel priest prince
princess print prison prize puddle puffin pull pumpkin punch puppet puppy purple purse push puzzle
pyramid python quail quarry quarter queen quilt rabbit raccoon race racket radar radio radish raft rag
rail railway rain rainbow raincoat raindrop raise raisin rake ram ramp ranch raspberry rat raven ray
razor read red reed reef reindeer restaurant rhino ribbon rice rich ride rider rifle ring river road
roast robe robin robot rock rocket rod roll roller roof room rooster root rope rose round row rubber
ruby rug rugby ruin ruler run runner runway rust sack sad saddle safe sail sailboard sailboat sailor
salad salmon salt sand sandal sandcastle sandwich satellite sauce saucer sausage saw saxophone scale
scallop scar scarecrow scarf school science scissors scooter score scorpion scout screen screw
screwdriver scroll sculpture sea seagull seahorse seal seat seaweed see seed seesaw seven sew shade
shadow shampoo shape shark sharp shave shed sheep sheet shelf shell shelter shepherd shield shine ship
shirt shoe shop shore short shoulder shovel show shower shrimp shrub shut sign silk silver sing singer
sink six skate skateboard skeleton sketch ski skin skirt skull skunk sky slate sled sleep sleet sleeve
sleigh slice slide slipper slope sloth slug small smile smoke snack snail snake snow snowflake snowman
soap soccer sock sofa soft soil soldier sole song soot soup south space spade spaghetti spark sparrow
spatula spear sphere spice spider spike spill spinach spine spiral splash sponge spoon sport spot spray
spring sprinkler sprout square squash squid squirrel stable stack stadium stage stain stair staircase
stake stalk stall stamp stand staple stapler star stare starfish station statue steak steam steel steer
stem step stereo stethoscope stew stick sticker still sting stone stool stop store storm stove strand
straw strawberry stream street string stripe student stump submarine subway suit suitcase sun sundial
sunflower sunglasses sunset surf surfboard surfer swan swarm sweater sweet swim swimmer swing switch
sword symbol syringe table tablet tail tale tall tank tap tape target tart taxi tea teacher teapot tear
teddy telephone telescope television ten tennis tent test text texture thank thick thief thin thorn
thread three throat throne thumb thunder tick ticket tie tiger tile tin tire toad toadstool toast
toaster toe toilet tomato tone tongs tongue tool tooth toothbrush top torch tornado tortoise toucan
towel tower town toy track tractor trail trailer train trap trash tray treasure tree triangle tribe
tricycle trim trip tripod trolley trombone trophy trout truck trumpet trunk tub tube tulip tuna tunnel
turban turkey turn turnip turquoise turtle tusk twig twin two typewriter tyre ukulele umbrella unicorn
unicycle uniform van vase vault vegetable vehicle veil vein vest village vine vinegar violet violin
virus volcano volleyball vulture waffle wagon waist wait waiter walk wall wallet walnut walrus wand war
warm warrior wart wash wasp watch water waterfall watermelon wave wax way weasel weather web wedding
weed well west whale wheat wheel wheelbarrow wheelchair whip whisk whistle white wide wife wig wild
wildfire willow wind windmill window windsurf wine wing winter wire witch wolf woman wood woodpecker
wool word work worm wreath wreck wrench wrist yacht yard yarn year yellow yoghurt yogurt young zebra
zipper zoo zucchini
"""

COMMON_WORDS = frozenset(_WORDS.split())
