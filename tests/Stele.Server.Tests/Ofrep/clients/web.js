// Checks of OFREP with @openfeature/web-sdk and @openfeature/ofrep-web-provider. node web.js ADDRESS TOKEN CHECK
'use strict'
const assert = require('node:assert/strict')
const { OpenFeature, ProviderEvents } = require('@openfeature/web-sdk')
const { OFREPWebProvider } = require('@openfeature/ofrep-web-provider')
const { EventSource } = require('eventsource')
const { stele, boolean, until } = require('./stele.js')

const [address, token, check] = process.argv.slice(2)
const ask = stele(address, token)
// Node has none; a browser's sends no header either
globalThis.EventSource = EventSource

// what the provider asked for, and how it was answered
const requests = []
async function counted(request, init) {
  const response = await fetch(request, init)
  requests.push({ status: response.status, tag: request.headers.get('If-None-Match'), url: request.url })
  return response
}

async function client(context, options = {}) {
  await OpenFeature.setContext(context)
  await OpenFeature.setProviderAndWait(new OFREPWebProvider({ baseUrl: address, headers: [['Authorization', `Bearer ${token}`]], cacheMode: 'disabled', fetchImplementation: counted, ...options }))
  return OpenFeature.getClient()
}

const checks = {
  async values() {
    await ask('PUT', '/v1/flags/web.boolean', { definition: boolean(true) })
    await ask('PUT', '/v1/flags/web.none', { definition: { state: 'ENABLED', variants: { small: 10, big: 1000 } } })
    await ask('PUT', '/v1/flags/web.plan', { definition: boolean(false, { targeting: { if: [{ '==': [{ var: 'plan' }, 'pro'] }, 'on', 'off'] } }) })
    const flags = await client({ targetingKey: 'ada', plan: 'free' })
    assert.equal(flags.getBooleanValue('web.boolean', false), true)
    // a code default is an answer, and not an error
    const none = flags.getNumberDetails('web.none', 7)
    assert.deepEqual([none.value, none.reason, none.errorCode], [7, 'DEFAULT', undefined])
    assert.equal(flags.getBooleanValue('web.plan', true), false)
    assert.equal(flags.getBooleanDetails('web.no-such-flag', true).errorCode, 'FLAG_NOT_FOUND')
    // the provider keeps its tag when another attribute than the targeting key changes
    await OpenFeature.setContext({ targetingKey: 'ada', plan: 'pro' })
    assert.equal(flags.getBooleanValue('web.plan', false), true)
    assert.equal(requests.at(-1).status, 200)
    assert.notEqual(requests.at(-1).tag, null)
    await OpenFeature.setContext({ targetingKey: 'ada', plan: 'pro' })
    assert.equal(requests.at(-1).status, 304)
  },
  async changes() {
    await ask('PUT', '/v1/flags/web.turns', { definition: boolean(false) })
    await ask('PUT', '/v1/flags/web.other', { definition: boolean(false) })
    const flags = await client({ targetingKey: 'ada' })
    const changed = []
    flags.addHandler(ProviderEvents.ConfigurationChanged, event => changed.push(event.flagsChanged))
    // the stream's first message has the provider ask again, which finds nothing new
    await until('the refetch after the stream began', () => requests.at(-1).status === 304)
    const times = []
    for (let i = 0; i < 20; i++) {
      const on = i % 2 === 0
      changed.length = 0
      const written = ask('PUT', '/v1/flags/web.turns', { definition: boolean(on) }).then(() => performance.now())
      await until(`change ${i}`, () => flags.getBooleanValue('web.turns', !on) === on)
      const seen = performance.now()
      times.push(Math.max(0, seen - await written))
      await until(`the event of change ${i}`, () => changed.length > 0)
      // that one, and no other: what did not change says so by its metadata
      assert.deepEqual(changed.at(-1), ['web.turns'])
    }
    assert.match(requests.at(-1).url, /flagConfigEtag=/)
    times.sort((a, b) => a - b)
    console.log(`a change is seen after ${times[10].toFixed(0)} ms (median of 20), ${times[19].toFixed(0)} ms at most`)
    // its own 50 ms of waiting for more included; the machine may be busy, so the bound here is wide
    assert.ok(times[10] < 1000, `${times}`)
  },
  async strangers() {
    await assert.rejects(client({ targetingKey: 'ada' }, { headers: [['Authorization', 'Bearer nobody']] }))
  },
}

checks[check]().then(() => OpenFeature.close()).then(() => process.exit(0)).catch(error => {
  console.error(error)
  process.exit(1)
})
