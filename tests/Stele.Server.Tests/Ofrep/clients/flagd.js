// Checks of flagd.sync.v1 with @openfeature/server-sdk and @openfeature/flagd-provider, which evaluates in its own process.
// node flagd.js ADDRESS TOKEN CHECK SYNC_PORT
'use strict'
const assert = require('node:assert/strict')
const { OpenFeature, ProviderEvents } = require('@openfeature/server-sdk')
const { FlagdProvider } = require('@openfeature/flagd-provider')
const { stele, boolean, until } = require('./stele.js')

const [address, token, check, port] = process.argv.slice(2)
const ask = stele(address, token)

async function client(options = {}) {
  await OpenFeature.setProviderAndWait(new FlagdProvider({ resolverType: 'in-process', host: '127.0.0.1', port: Number(port), ...options }))
  return OpenFeature.getClient()
}

const checks = {
  async values() {
    await ask('PUT', '/v1/flags/sync.boolean', { definition: boolean(true, { metadata: { team: 'core' } }) })
    await ask('PUT', '/v1/flags/sync.short', { definition: { enabled: true, percentage: 50, target_users: ['ada'] } })
    await ask('PUT', '/v1/flags/sync.ramp', { definition: boolean(false, { targeting: { fractional: [['on', { schedule: [[1, 100]] }], ['off', { '-': [100, { schedule: [[1, 100]] }] }]] } }) })
    await ask('PUT', '/v1/flags/sync.reads', { definition: boolean(false, { targeting: { if: [{ flag: ['sync.boolean'] }, 'on', 'off'] } }) })
    const flags = await client()
    const details = await flags.getBooleanDetails('sync.boolean', false)
    assert.deepEqual([details.value, details.reason, details.flagMetadata.team], [true, 'STATIC', 'core'])
    assert.equal(typeof details.flagMetadata.revision, 'number')
    // what reads other flags is not there, and says so
    assert.equal((await flags.getBooleanDetails('sync.reads', true)).errorCode, 'FLAG_NOT_FOUND')
    assert.equal(details.flagMetadata['stele.left_out'], 'sync.reads')
    assert.equal(await flags.getBooleanValue('sync.ramp', false, { targetingKey: 'x' }), true)
    // in process as over OFREP, for everybody whose key is ASCII: this evaluator hashes the units of UTF-16, and flagd's own the bytes of UTF-8
    for (const targetingKey of ['ada', ...Array.from({ length: 100 }, (_, i) => `user-${i}`)]) {
      const context = { targetingKey }
      const there = await ask('POST', '/ofrep/v1/evaluate/flags/sync.short', { context })
      assert.equal(await flags.getBooleanValue('sync.short', false, context), there.value, targetingKey)
    }
  },
  async changes() {
    await ask('PUT', '/v1/flags/sync.turns', { definition: boolean(false) })
    const flags = await client()
    const changed = []
    flags.addHandler(ProviderEvents.ConfigurationChanged, event => changed.push(...(event.flagsChanged ?? [])))
    for (let i = 0; i < 20; i++) {
      await ask('PUT', '/v1/flags/sync.turns', { definition: boolean(i % 2 === 0) })
      await until(`change ${i}`, async () => await flags.getBooleanValue('sync.turns', i % 2 !== 0) === (i % 2 === 0))
    }
    assert.ok(changed.includes('sync.turns'))
    await ask('DELETE', '/v1/flags/sync.turns')
    await until('its end', async () => (await flags.getBooleanDetails('sync.turns', false)).errorCode === 'FLAG_NOT_FOUND')
  },
  async selectors() {
    await ask('PUT', '/v1/flags/sync.selected', { definition: boolean(true) })
    const flags = await client({ selector: 'development' })
    assert.equal(await flags.getBooleanValue('sync.selected', false), true)
    await OpenFeature.clearProviders()
    await assert.rejects(client({ selector: 'production' }))
  },
}

// One call as bytes: what it answered, or its status
function raw(at, path, message, headers = {}) {
  const grpc = require('@grpc/grpc-js')
  const client = new grpc.Client(at, grpc.credentials.createInsecure())
  const metadata = new grpc.Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return new Promise(resolve => client.makeUnaryRequest(path, bytes => bytes, bytes => bytes, Buffer.from(message), metadata, (error, answer) => {
    client.close()
    resolve(error ?? answer)
  }))
}

// The port has these three calls and nothing else, and no other port has them.
checks.alone = async () => {
  await ask('PUT', '/v1/flags/sync.alone', { definition: boolean(true) })
  const sync = `127.0.0.1:${port}`, other = process.argv[6]
  const all = (await raw(sync, '/flagd.sync.v1.FlagSyncService/FetchAllFlags', [])).toString('utf8')
  assert.match(all, /"sync\.alone":\{"state":"ENABLED"/)
  assert.match((await raw(sync, '/flagd.sync.v1.FlagSyncService/GetMetadata', [])).toString('utf8'), /development/)
  for (const path of ['/stele.v1.ConfigService/List', '/stele.v1.EvaluationService/EvaluateAll', '/grpc.health.v1.Health/Check', '/flagd.sync.v1.FlagSyncService/Other'])
    assert.equal((await raw(sync, path, [], { authorization: `Bearer ${token}` })).code, 12, path)
  assert.equal((await raw(other, '/flagd.sync.v1.FlagSyncService/FetchAllFlags', [])).code, 16)
  assert.equal((await raw(other, '/flagd.sync.v1.FlagSyncService/FetchAllFlags', [], { authorization: `Bearer ${token}` })).code, 12)
  const answer = await fetch(`http://${sync}/v1/limits`, { headers: { authorization: `Bearer ${token}` } }).catch(error => error)
  assert.ok(answer instanceof Error || answer.status >= 400)
}

checks[check]().then(() => OpenFeature.close()).then(() => process.exit(0)).catch(error => {
  console.error(error)
  process.exit(1)
})
