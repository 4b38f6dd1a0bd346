/** Every word that a participant may read, apart from the study's own texts. */

import { _, many } from "./words";

/** Small numbers spelt out, of words; the translation of one may be its digit. */
const SPELT: Record<number, string> = { 2: _("two"), 3: _("three") };

const spelt = (number: number): string => SPELT[number] ?? String(number);

export const strings = {
  page: {
    connecting: _("Connecting…"),
    notConnected: _("Not connected. Trying again…"),
    nextPicture: _("Getting the next picture…"),
  },
  status: {
    saved: _("Answers saved"),
    saving: _("Saving…"),
    retrying: _("Not connected, retrying…"),
    safe: _("Not connected. Your answers are kept on this device and sent as soon as the connection is back."),
    keepOpen: _("Not connected. Keep this page open: your answers are sent as soon as the connection is back."),
    connected: _("Connected again."),
    back: _("Connected again. All answers are saved."),
    busy: _("The server is busy."),
    tooManyRequests: _("This session made too many requests; please wait a moment."),
    tooManyArrivals: _("Too many people are arriving from where you are; please wait a moment."),
    busySafe: (busy: string): string => _("{busy} Your answers are kept on this device and will be sent.", { busy }),
    busyKeepOpen: (busy: string): string => _("{busy} Keep this page open until your answers are sent.", { busy }),
    caughtUp: _("All answers are saved."),
  },
  progress: {
    label: _("Progress"),
    trial: (done: number, total: number): string =>
      _("Picture {number} of {total}", { number: Math.min(done + 1, total), total }),
    practice: _("Practice"),
  },
  rehearsal: {
    badge: _("Rehearsal"),
    explained: _("This is a rehearsal: its answers will not be part of the study."),
  },
  consent: {
    kicker: _("Welcome"),
    agree: _("I agree, let’s start"),
    decline: _("No, thank you"),
    about: _("About this study"),
    governance: {
      ethics_reference: _("Ethics approval"),
      data_controller: _("Responsible for the data"),
      contact: _("Contact"),
      retention: _("How long the data are kept"),
      withdrawal: _("If you withdraw"),
    },
  },
  warning: {
    kicker: _("Before you start"),
    title: _("The pictures flash"),
    body: [
      _("Each picture is on the screen for a moment only, so that it looks like a flash."),
      _("If flashing light has ever given you a seizure or a migraine, or makes you feel unwell, please do not take part."),
    ],
    go: _("That is fine for me"),
    leave: _("Leave the study"),
  },
  instructions: {
    kicker: _("How it works"),
    title: _("You will name what you see"),
    steps: {
      look: [_("Look at the cross"), _("Keep your eyes on the middle of the grey area.")],
      see: [_("See a picture"), _("It may be gone in a moment, and many are hard to see on purpose.")],
      type: (most: number): [string, string] => [
        _("Say what it was"),
        many(most, "Type one word, then press Enter.", "Type one to {most} words, then press Enter.", {
          most: spelt(most),
        }),
      ],
      choose: [_("Say what it was"), _("Choose one of the words: touch it, click it, or press the key beside it.")],
      confidence: (most: number): [string, string] => [
        _("Say how sure you are"),
        _("Choose a number, from 1 for a guess to {most} for certain.", { most }),
      ],
    },
    guess: _("A guess is always welcome."),
    guessOrSkip: _("A guess is always welcome. If nothing comes to mind, choose “I don’t know”."),
    start: _("Start the practice"),
    startAtOnce: _("Start"),
    read: _("I have read this"),
  },
  comprehension: {
    kicker: _("A quick check"),
    choose: _("Choose an answer, please."),
    saving: _("Checking your answers…"),
    wrong: {
      kicker: _("Not quite yet"),
      title: _("Please read this once more"),
      body: (n: number): string =>
        many(
          n,
          "One answer was not right. Here are the instructions again; then you can answer once more.",
          "{n} answers were not right. Here are the instructions again; then you can answer once more.",
        ),
      yours: (answer: string): string => _("You answered: {answer}", { answer }),
      go: _("Answer again"),
    },
    passed: { title: _("That’s right"), body: _("You know how it works. You can start now.") },
    goOn: {
      title: _("Let’s start all the same"),
      body: _("It will become clear with the first pictures. If in doubt, a guess is always welcome."),
    },
  },
  practiceOver: {
    kicker: _("Practice done"),
    title: _("Now the real pictures"),
    body: _("From here on you will not be told whether you were right. Take a breath, then go on when you are ready."),
    go: _("I’m ready"),
  },
  onceMore: {
    kicker: _("Practice"),
    title: _("Once more"),
    body: _("It takes a little getting used to. Let us practise with a few pictures again."),
    go: _("Practise once more"),
  },
  rest: {
    kicker: _("Break"),
    title: _("Time for a short rest"),
    body: _("Let your eyes wander off the screen for a moment, and go on when you like."),
    done: (done: number, total: number): string => _("{done} of {total} pictures are done.", { done, total }),
    go: _("Go on"),
  },
  instructed: {
    kicker: _("In between"),
    empty: _("Type an answer, please."),
  },
  confidence: {
    question: _("How sure are you?"),
    guess: _("just a guess"),
    certain: _("certain"),
    lowest: (level: number): string => _("{level}, just a guess", { level }),
    highest: (level: number): string => _("{level}, certain", { level }),
  },
  questions: {
    number: (number: number, total: number): string => _("Question {number} of {total}", { number, total }),
    next: _("Next"),
    back: _("Back"),
    rather: _("I’d rather not say"),
    choose: _("Choose an answer, or “I’d rather not say”."),
    type: _("Type an answer, or choose “I’d rather not say”."),
  },
  questionnaire: {
    kicker: _("About you"),
    first_language: _("What is your first language?"),
    fluency: (language: string): string => _("How well do you know the language of this study ({language})?", { language }),
    fluencyLevels: {
      first_language: _("It is my first language"),
      very_well: _("Very well"),
      well: _("Well"),
      a_little: _("A little"),
      hardly: _("Hardly at all"),
    },
    colour_vision: _("Do you have difficulty telling some colours apart (colour blindness)?"),
    colourVision: { yes: _("Yes"), no: _("No"), unsure: _("I am not sure") },
    device: _("What are you using for this study?"),
    devices: { computer: _("A computer"), tablet: _("A tablet"), phone: _("A phone") },
    country: _("Which country do you live in?"),
  },
  welcomeBack: {
    kicker: _("Welcome back"),
    title: _("Carry on where you left off"),
    body: (done: number, total: number): string => _("{done} of {total} pictures are answered and saved.", { done, total }),
    again: _("If you had already seen the next picture, you will see it once more."),
    go: _("Continue"),
  },
  trial: {
    stage: _("The picture appears here"),
    watch: _("Keep your eyes on the middle"),
    question: _("What did you see?"),
    questionNow: _("What do you see?"),
    inputLabel: _("Your answer"),
    placeholder: (most: number): string => many(most, "one word", "one to {most} words", { most: spelt(most) }),
    submit: _("Enter"),
    dontKnow: _("I don’t know"),
    dontKnowKey: _("Esc"),
    empty: _("Type what you saw, or a guess."),
    emptyOrSkip: _("Type a guess, or choose “I don’t know”."),
    tooMany: (most: number): string =>
      many(most, "Please use at most one word.", "Please use at most {most} words.", { most: spelt(most) }),
  },
  feedback: {
    right: _("Right!"),
    wrong: _("Not this time"),
    answer: (answer: string): string => _("It was: {answer}", { answer }),
    next: _("Next"),
    waiting: _("Saving your answer…"),
  },
  saving: {
    last: _("Saving your last answers…"),
  },
  calibration: {
    card: {
      kicker: _("Your screen"),
      title: _("How large is your screen?"),
      body: _("Hold a bank card against the screen. A driving licence, or any other card of that size, will do as well. Make the drawing exactly as large as the card."),
      hint: _("Drag the edge of the drawing, move the slider, or press + and −."),
      size: _("Size of the drawing"),
      smaller: _("Smaller"),
      larger: _("Larger"),
      confirm: _("It is as large as my card"),
    },
    distance: {
      kicker: _("Your distance"),
      title: _("How far are you from the screen?"),
      body: _("Sit as you will sit while you look at the pictures. Everybody has a spot in each eye that sees nothing; where it lies on the screen tells how far away you are."),
      coverLeft: _("Cover your left eye with a hand. With your right eye, keep looking at the cross, not at the dot."),
      press: _("Press the space bar, or touch the white field, the moment the dot vanishes."),
      field: _("White field with a cross and a moving dot"),
      start: _("Start"),
      again: _("Measure again"),
      done: (number: number, total: number): string => _("{number} of {total} done", { number, total }),
      result: (centimetres: number): string => _("You are about {centimetres} cm from the screen.", { centimetres }),
      confirm: _("That is right, go on"),
      skip: _("Skip this"),
    },
  },
  debrief: {
    kicker: _("All done"),
    title: _("Thank you!"),
    credits: _("Who made the pictures"),
    finish: _("Finish and get my completion code"),
  },
  withdraw: {
    link: _("Withdraw"),
    title: _("Leave the study?"),
    body: _("You may stop at any time, without giving a reason. You cannot come back to it afterwards."),
    choice: _("The answers that you have given so far can stay in the study, or they are deleted now."),
    stay: _("Keep going"),
    leave: _("Yes, leave the study"),
    keep: _("Leave, and keep my answers"),
    erase: _("Leave, and delete my answers"),
    leaving: _("Leaving…"),
    failed: _("That did not get through. Please check your connection and try again."),
  },
  ending: {
    completed: {
      title: _("Thank you, that’s everything"),
      body: _("All your answers are saved."),
    },
    no_consent: {
      title: _("That’s fine"),
      body: _("You chose not to take part, and no answers were recorded."),
    },
    withdrawn: {
      title: _("You have left the study"),
      body: _("Thank you for the time that you gave."),
      nothing: _("Thank you for the time that you gave. None of your answers are kept."),
    },
    abandoned: {
      title: _("This session has ended"),
      body: _("There was no answer for a long while, so your place was given to someone else. Thank you for the answers that you gave."),
    },
    code: _("Your completion code"),
    copy: _("Copy"),
    copied: _("Copied"),
    prolific: _("Return to Prolific"),
    prolificHint: _("The button takes you back and enters the code for you. If it does not work, copy the code by hand."),
    visitorHint: _("If somebody asked you to take part, this code tells them that you did. You can close this page now."),
    noCode: _("You can close this page now."),
  },
  trouble: {
    superseded: {
      title: _("This study is open in another tab or window"),
      body: _("Only the latest one goes on, so that no answer is counted twice. You can carry on there, or bring the study here."),
      action: _("Continue here"),
    },
    full: {
      title: _("The study is full"),
      body: _("Everybody who is needed has taken part already. Thank you for coming."),
    },
    closed: {
      title: _("This study is closed"),
      body: _("It takes no more participants. Thank you for coming."),
    },
    incomplete: {
      title: _("This link is not complete"),
      body: _("The link you followed is not complete. Please open the study from Prolific again."),
    },
    notOpen: {
      title: _("The study has not begun yet"),
      body: _("The researchers have not opened it. Please come back later."),
      action: _("Try again"),
    },
    unknown: {
      title: _("There is no study here"),
      body: _("Please check the link that you were given."),
    },
    notStored: {
      title: _("Something went wrong"),
      body: _("Sorry, this is our fault. What you answered last could not be saved; the answers before it are. Load the page again to carry on; if that does not help, please tell the researchers."),
      action: _("Load the page again"),
      detail: (detail: string): string => _("What happened: {detail}", { detail }),
    },
    broken: {
      title: _("Something went wrong"),
      body: _("Sorry, this is our fault. Every answer that you gave is kept. Load the page again to carry on; if that does not help, please tell the researchers."),
      action: _("Load the page again"),
      detail: (detail: string): string => _("What happened: {detail}", { detail }),
    },
  },
} as const;
