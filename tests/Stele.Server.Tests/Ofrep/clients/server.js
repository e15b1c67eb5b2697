// Checks of OFREP with @openfeature/server-sdk and @openfeature/ofrep-provider. node server.js ADDRESS TOKEN CHECK
'use strict'
const assert = require('node:assert/strict')
const { OpenFeature } = require('@openfeature/server-sdk')
const { OFREPProvider } = require('@openfeature/ofrep-provider')
const { stele, boolean } = require('./stele.js')

const [address, token, check] = process.argv.slice(2)
const ask = stele(address, token)

async function client(options = { headers: [['Authorization', `Bearer ${token}`]] }) {
  await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: address, ...options }))
  return OpenFeature.getClient()
}

const checks = {
  async values() {
    await ask('PUT', '/v1/flags/js.boolean', { definition: boolean(true) })
    await ask('PUT', '/v1/flags/js.string', { definition: { state: 'ENABLED', variants: { greeting: 'grüß dich 👋', parting: 'bye' }, defaultVariant: 'greeting' } })
    await ask('PUT', '/v1/flags/js.number', { definition: { state: 'ENABLED', variants: { huge: 9007199254740991, half: 0.5 }, defaultVariant: 'huge' } })
    await ask('PUT', '/v1/flags/js.object', { definition: { state: 'ENABLED', variants: { template: { showImages: true, imagesPerPage: 100 } }, defaultVariant: 'template' } })
    const flags = await client()
    assert.equal(await flags.getBooleanValue('js.boolean', false), true)
    assert.equal(await flags.getStringValue('js.string', 'x'), 'grüß dich 👋')
    assert.equal(await flags.getNumberValue('js.number', 1), 9007199254740991)
    assert.deepEqual(await flags.getObjectValue('js.object', {}), { showImages: true, imagesPerPage: 100 })
    const details = await flags.getBooleanDetails('js.boolean', false)
    assert.equal(details.reason, 'STATIC')
    assert.equal(details.variant, 'on')
    assert.equal(typeof details.flagMetadata.revision, 'number')
    assert.equal((await flags.getNumberDetails('js.string', 1)).errorCode, 'TYPE_MISMATCH')
  },
  async targeting() {
    await ask('PUT', '/v1/flags/js.targeted', { definition: boolean(false, { targeting: { if: [{ in: [{ var: 'email' }, ['ada@example.com']] }, 'on', null] } }) })
    await ask('PUT', '/v1/flags/js.split', { definition: boolean(false, { targeting: { fractional: [['on', 50], ['off', 50]] } }) })
    const flags = await client()
    assert.equal(await flags.getBooleanValue('js.targeted', false, { targetingKey: 'a', email: 'ada@example.com' }), true)
    assert.equal((await flags.getBooleanDetails('js.targeted', true, { targetingKey: 'a', email: 'eve@example.com' })).reason, 'DEFAULT')
    // a context without a targeting key, which this rule does not need
    assert.equal(await flags.getBooleanValue('js.targeted', false, { email: 'ada@example.com' }), true)
    const details = await flags.getBooleanDetails('js.split', false, { targetingKey: 'ada' })
    assert.equal(details.reason, 'SPLIT')
    assert.ok(details.flagMetadata.bucket >= 0 && details.flagMetadata.bucket < 100)
    assert.match(details.flagMetadata.rule, /^\/targeting\/fractional\//)
    const missing = await flags.getBooleanDetails('js.split', true, { email: 'ada@example.com' })
    assert.equal(missing.errorCode, 'TARGETING_KEY_MISSING')
    assert.equal(missing.value, true)
  },
  async errors() {
    const flags = await client()
    const missing = await flags.getBooleanDetails('js.no-such-flag', true)
    assert.equal(missing.errorCode, 'FLAG_NOT_FOUND')
    assert.equal(missing.value, true)
    await ask('PUT', '/v1/flags/js%2Fwith%2Fslashes', { definition: boolean(true) })
    assert.equal(await flags.getBooleanValue('js/with/slashes', false), true)
    const stranger = await client({ headers: [['Authorization', 'Bearer nobody']] })
    assert.equal((await stranger.getBooleanDetails('js.no-such-flag', true)).errorCode, 'GENERAL')
    const byKey = await client({ headers: [['X-API-Key', token]] })
    assert.equal(await byKey.getBooleanValue('js/with/slashes', false), true)
  },
  // the next answer after a write has it: no cache stands between
  async changes() {
    const flags = await client()
    for (let i = 0; i < 40; i++) {
      await ask('PUT', '/v1/flags/js.turns', { definition: boolean(i % 2 === 0) })
      assert.equal(await flags.getBooleanValue('js.turns', i % 2 !== 0), i % 2 === 0)
    }
  },
}

checks[check]().then(() => OpenFeature.close()).catch(error => {
  console.error(error)
  process.exit(1)
})
