/**
 * In the place of jsPsych's list of English words, which is long, unused here, and full of words that a
 * study may ask for: what participants download must not hold possible answers.
 */

export default function noWords(): never {
  throw new Error("random words are not part of this page");
}
