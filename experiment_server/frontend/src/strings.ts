/** Every word that a participant may read, apart from the study's own texts. */

const NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

const words = (number: number): string => `${NUMBERS[number] ?? number} ${number === 1 ? "word" : "words"}`;

const upTo = (number: number): string => (number === 1 ? words(1) : `one to ${words(number)}`);

export const strings = {
  page: {
    connecting: "Connecting…",
    notConnected: "Not connected. Trying again…",
    nextPicture: "Getting the next picture…",
  },
  status: {
    saved: "Answers saved",
    saving: "Saving…",
    retrying: "Not connected, retrying…",
    safe: "Not connected. Your answers are kept on this device and sent as soon as the connection is back.",
    back: "Connected again. All answers are saved.",
    busy: "The server is busy.",
    busySafe: (busy: string): string => `${busy} Your answers are kept on this device and will be sent.`,
    caughtUp: "All answers are saved.",
  },
  progress: {
    label: "Progress",
    trial: (done: number, total: number): string => `Picture ${Math.min(done + 1, total)} of ${total}`,
    practice: "Practice",
  },
  consent: {
    kicker: "Welcome",
    agree: "I agree, let’s start",
    decline: "No, thank you",
  },
  instructions: {
    kicker: "How it works",
    title: "You will name what you see",
    steps: {
      look: ["Look at the cross", "Keep your eyes on the middle of the grey area."],
      see: ["See a picture", "It may be gone in a moment, and many are hard to see on purpose."],
      type: (most: number): [string, string] => ["Say what it was", `Type ${upTo(most)}, then press Enter.`],
      choose: ["Say what it was", "Choose one of the words: touch it, click it, or press the key beside it."],
    },
    guess: "A guess is always welcome.",
    guessOrSkip: "A guess is always welcome. If nothing comes to mind, choose “I don’t know”.",
    start: "Start the practice",
  },
  practiceOver: {
    kicker: "Practice done",
    title: "Now the real pictures",
    body: "From here on you will not be told whether you were right. Take a breath, then go on when you are ready.",
    go: "I’m ready",
  },
  welcomeBack: {
    kicker: "Welcome back",
    title: "Carry on where you left off",
    body: (done: number, total: number): string => `${done} of ${total} pictures are answered and saved.`,
    again: "If you had already seen the next picture, you will see it once more.",
    go: "Continue",
  },
  trial: {
    stage: "The picture appears here",
    watch: "Keep your eyes on the middle",
    question: "What did you see?",
    questionNow: "What do you see?",
    inputLabel: "Your answer",
    placeholder: upTo,
    submit: "Enter",
    dontKnow: "I don’t know",
    dontKnowKey: "Esc",
    empty: "Type what you saw, or a guess.",
    emptyOrSkip: "Type a guess, or choose “I don’t know”.",
    tooMany: (most: number): string => `Please use at most ${words(most)}.`,
  },
  feedback: {
    right: "Right!",
    wrong: "Not this time",
    answer: (answer: string): string => `It was: ${answer}`,
    next: "Next",
    waiting: "Saving your answer…",
  },
  saving: {
    last: "Saving your last answers…",
  },
  debrief: {
    kicker: "All done",
    title: "Thank you!",
    credits: "Who made the pictures",
    finish: "Finish and get my completion code",
  },
  withdraw: {
    link: "Withdraw",
    title: "Leave the study?",
    body: "You may stop at any time, without giving a reason. You cannot come back to it afterwards. The answers that you have given so far stay in the study; write to the researchers if you want them deleted.",
    stay: "Keep going",
    leave: "Yes, leave the study",
    leaving: "Leaving…",
    failed: "That did not get through. Please check your connection and try again.",
  },
  ending: {
    completed: {
      title: "Thank you, that’s everything",
      body: "All your answers are saved.",
    },
    no_consent: {
      title: "That’s fine",
      body: "You chose not to take part, and no answers were recorded.",
    },
    withdrawn: {
      title: "You have left the study",
      body: "Thank you for the time that you gave.",
    },
    abandoned: {
      title: "This session has ended",
      body: "There was no answer for a long while, so your place was given to someone else. Thank you for the answers that you gave.",
    },
    code: "Your completion code",
    copy: "Copy",
    copied: "Copied",
    prolific: "Return to Prolific",
    prolificHint: "The button takes you back and enters the code for you. If it does not work, copy the code by hand.",
    visitorHint: "If somebody asked you to take part, this code tells them that you did. You can close this page now.",
    noCode: "You can close this page now.",
  },
  trouble: {
    superseded: {
      title: "This study is open in another tab or window",
      body: "Only the latest one goes on, so that no answer is counted twice. You can carry on there, or bring the study here.",
      action: "Continue here",
    },
    full: {
      title: "The study is full",
      body: "Everybody who is needed has taken part already. Thank you for coming.",
    },
    closed: {
      title: "This study is closed",
      body: "It takes no more participants. Thank you for coming.",
    },
    incomplete: {
      title: "This link is not complete",
      body: "The link you followed is not complete. Please open the study from Prolific again.",
    },
    unknown: {
      title: "There is no study here",
      body: "Please check the link that you were given.",
    },
    broken: {
      title: "Something went wrong",
      body: "Sorry, this is our fault. Every answer that you gave is kept. Load the page again to carry on; if that does not help, please tell the researchers.",
      action: "Load the page again",
      detail: (detail: string): string => `What happened: ${detail}`,
    },
  },
} as const;
