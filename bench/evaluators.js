// Evaluations a second in one process, by the npm packages that Stele's engine is compared with: node evaluators.js SECONDS ROUNDS
// The same flags and context as `bench/run flags`; each evaluation through the package's public call, which both prepare as they like.
'use strict'
const [seconds, rounds] = process.argv.slice(2).map(Number)
const context = {
  targetingKey: '5c3d8535-f81a-4478-a6d3-afaa4d51199e', email: 'ada.lovelace@example.com', tier: 'gold', country: 'nl', age: 36, score: 0.75,
  version: '2.4.1', device: { os: 'android', model: 'p9' }, groups: ['staff', 'beta', 'eu'], blocked: false,
}
const ten = { if: [{ and: [{ '==': [{ var: 'tier' }, 'gold'] }, { in: ['@example.com', { var: 'email' }] }, { '>=': [{ var: 'age' }, 18] }, { '<': [{ var: 'age' }, 65] },
  { in: [{ var: 'country' }, ['de', 'fr', 'nl', 'be', 'at', 'lu']] }, { '!': [{ var: 'blocked' }] }, { '==': [{ var: 'device.os' }, 'android'] },
  { '<=': [0.5, { var: 'score' }, 1] }, { sem_ver: [{ var: 'version' }, '>=', '2.0.0'] }, { ends_with: [{ var: 'email' }, '.com'] }] }, 'on', null] }

function report(name, evaluate) {
  const round = duration => {
    const end = process.hrtime.bigint() + BigInt(Math.round(duration * 1e9))
    const start = process.hrtime.bigint()
    let count = 0
    while (process.hrtime.bigint() < end) {
      for (let i = 0; i < 1000; i++) evaluate()
      count += 1000
    }
    return count / (Number(process.hrtime.bigint() - start) / 1e9)
  }
  round(1)
  const rates = Array.from({ length: rounds }, () => round(seconds)).sort((a, b) => a - b)
  console.log(`${name.padEnd(44)} ${Math.round(rates[rounds >> 1]).toLocaleString('en').padStart(12)} a second (slowest round ${Math.round(rates[0]).toLocaleString('en')})`)
}

function flagd() {
  const { FlagdCore } = require('@openfeature/flagd-core')
  const core = new FlagdCore()
  const flag = targeting => ({ state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off', ...(targeting ? { targeting } : {}) })
  core.setConfigurations(JSON.stringify({ flags: { static: flag(), fractional: flag({ fractional: [['on', 50], ['off', 50]] }), ten: flag(ten) } }))
  const quiet = { error() {}, warn() {}, info() {}, debug() {} }
  // a rule that comes out another way is another measurement
  if (core.resolveBooleanEvaluation('ten', false, context, quiet).variant !== 'on') throw new Error('flagd-core: the ten conditions do not hold')
  for (const name of ['static', 'fractional', 'ten']) report(`flagd-core: ${name}`, () => core.resolveBooleanEvaluation(name, false, context, quiet))
}

async function unleash() {
  const { Unleash, InMemStorageProvider } = require('unleash-client')
  const strategy = (constraints, rollout = '50') => [{ name: 'flexibleRollout', parameters: { rollout, stickiness: 'userId', groupId: 'bench' }, constraints }]
  const constraint = (contextName, operator, values, value) => ({ contextName, operator, values: values ?? [], value, inverted: false, caseInsensitive: false })
  const constraints = [constraint('tier', 'IN', ['gold']), constraint('email', 'STR_CONTAINS', ['@example.com']), constraint('age', 'NUM_GTE', null, '18'), constraint('age', 'NUM_LT', null, '65'),
    constraint('country', 'IN', ['de', 'fr', 'nl', 'be', 'at', 'lu']), constraint('blocked', 'IN', ['false']), constraint('os', 'IN', ['android']), constraint('score', 'NUM_GTE', null, '0.5'),
    constraint('version', 'SEMVER_GT', null, '2.0.0'), constraint('email', 'STR_ENDS_WITH', ['.com'])]
  const features = [
    { name: 'static', enabled: true, strategies: [{ name: 'default', parameters: {}, constraints: [] }], type: 'release', impressionData: false, variants: [] },
    { name: 'fractional', enabled: true, strategies: strategy([]), type: 'release', impressionData: false, variants: [] },
    { name: 'ten', enabled: true, strategies: strategy(constraints, '100'), type: 'release', impressionData: false, variants: [] },
  ]
  const client = new Unleash({ appName: 'bench', url: 'http://127.0.0.1:9/api', refreshInterval: 0, disableMetrics: true, disableAutoStart: false, storageProvider: new InMemStorageProvider(), bootstrap: { data: features }, skipInstanceCountWarning: true })
  client.on('error', () => {})
  client.on('warn', () => {})
  await new Promise(resolve => client.once('ready', resolve))
  const subject = { userId: context.targetingKey, properties: { email: context.email, tier: 'gold', country: 'nl', age: '36', score: '0.75', version: '2.4.1', os: 'android', blocked: 'false' } }
  if (!client.isEnabled('static', subject) || !client.isEnabled('ten', subject)) throw new Error('unleash-client: the ten conditions do not hold')
  for (const name of ['static', 'fractional', 'ten']) report(`unleash-client: ${name}`, () => client.isEnabled(name, subject))
  client.destroy()
}

flagd()
unleash().then(() => process.exit(0))
