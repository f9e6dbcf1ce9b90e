// What an evaluator of IAM policies that others wrote says of the cases of the suite `policy`.
//
// Usage: node policy-oracle.mjs < CASES   (JSON lines in, one JSON line out for each: { name, decision } or { name, error })
//
// CASE: { name, principal, action, resource, resourceAccount, context, identity: [DOCUMENT], resourcePolicy?, session?,
//         boundary?, scps: [[DOCUMENT]], rcps: [[DOCUMENT]] }
// The package is run here and nowhere else: it is a tool of the tests, and no part of what is built.
import { readFileSync } from 'node:fs';
import { anonymousPrincipal, runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate';

const DECISIONS = { Allowed: 'allow', ExplicitlyDenied: 'explicit_deny', ImplicitlyDenied: 'implicit_deny' };

const named = (documents) => documents.map((policy, index) => ({ name: `policy-${index}`, policy }));
const levels = (lists) => lists.map((list, index) => ({ orgIdentifier: `level-${index}`, policies: named(list) }));

// Only the checked road knows session policies and policies of resources; it also knows which actions and keys there are, which the
// other does not care for.
async function ask(simulation) {
  if (!simulation.sessionPolicy && !simulation.resourcePolicy) return runUnsafeSimulation(simulation, {});
  const answer = await runSimulation(simulation, {});
  if (answer.resultType !== 'single') throw new Error(JSON.stringify(answer.errors ?? answer.resultType));
  if (answer.result.ignoredContextKeys?.length) throw new Error(`ignores ${answer.result.ignoredContextKeys}`);
  return answer.overallResult;
}

for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const one = JSON.parse(line);
  const simulation = {
    request: {
      principal: one.principal === '*' ? anonymousPrincipal : one.principal,
      action: one.action,
      resource: { resource: one.resource, accountId: one.resourceAccount },
      contextVariables: one.context,
    },
    sessionPolicy: one.session ?? undefined,
    identityPolicies: named(one.identity),
    serviceControlPolicies: levels(one.scps),
    resourceControlPolicies: levels(one.rcps),
    resourcePolicy: one.resourcePolicy ?? undefined,
    permissionBoundaryPolicies: one.boundary ? named([one.boundary]) : undefined,
  };
  let answer;
  try {
    const result = await ask(simulation);
    answer = { name: one.name, decision: DECISIONS[result] ?? `unknown: ${result}` };
  } catch (error) {
    answer = { name: one.name, error: String(error?.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
