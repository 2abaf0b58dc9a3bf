/**
 * How well questions are routed: accuracy a class on the third of the labelled questions that no weight was learned from, with the
 * lower end of its 95 % interval. `-- --fit` learns the weights anew from the other two thirds and prints them.
 */
import { routeFeatures } from '../../shared/answering/route-features.ts';
import { routeQuestion } from '../../shared/answering/route-question.ts';
import {
  type LabelledQuestion,
  labelledQuestions,
  lowerBound,
  readings,
} from '../support/routing/labelled-questions.ts';
import { learnWeights } from './learn-weights.ts';

const bar = 0.92;

function report(name: string, questions: readonly LabelledQuestion[]): number {
  const rights = questions.filter((question) => routeQuestion(question).route === question.label);
  for (const label of readings) {
    const all = questions.filter((question) => question.label === label).length;
    const right = rights.filter((question) => question.label === label).length;
    console.log(
      `${name.padEnd(12)} ${label.padEnd(10)} ${right} of ${all}, at least ${lowerBound(right, all).toFixed(3)}`,
    );
  }
  const bound = lowerBound(rights.length, questions.length);
  const share = (rights.length / questions.length).toFixed(3);
  console.log(
    `${name.padEnd(12)} all        ${rights.length} of ${questions.length} (${share}), at least ${bound.toFixed(3)}`,
  );
  return bound;
}

const questions = labelledQuestions();
const learning = questions.filter(({ keptBack }) => !keptBack);
const kept = questions.filter(({ keptBack }) => keptBack);
console.log(`${questions.length} questions over 3 schemas and 3 sets of documents; ${kept.length} kept back`);
if (process.argv.includes('--fit')) {
  const rows = learning.map((question) => ({
    features: routeFeatures(question),
    label: readings.indexOf(question.label),
  }));
  for (const [at, weights] of learnWeights(rows, readings.length).entries()) {
    console.log(`${readings[at]}: [${weights.map((weight) => Number(weight.toFixed(2))).join(', ')}],`);
  }
}
report('learned from', learning);
const bound = report('kept back', kept);
const began = process.cpuUsage();
for (const question of questions) routeQuestion(question);
const { user, system } = process.cpuUsage(began);
console.log(`${((user + system) / questions.length).toFixed(0)} µs of processor time a question; no model is asked`);
console.log(bound >= bar ? `The bar of ${bar} holds.` : `Below the bar of ${bar}.`);
process.exitCode = bound >= bar ? 0 : 1;
