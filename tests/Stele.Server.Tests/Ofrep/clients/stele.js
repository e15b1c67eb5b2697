// What the checks share: asking Stele itself, and waiting for a condition.
'use strict'
const assert = require('node:assert/strict')

function stele(address, token) {
  return async function ask(method, path, body) {
    const response = await fetch(address + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const text = await response.text()
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`)
    return text.length > 0 ? JSON.parse(text) : undefined
  }
}

const boolean = (on, more = {}) => ({ state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: on ? 'on' : 'off', ...more })

// Ends with the first value that is true; what it waits for is said if it never comes.
async function until(what, condition) {
  const end = Date.now() + 30_000
  for (;;) {
    const value = await condition()
    if (value) return value
    assert.ok(Date.now() < end, `never came: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

module.exports = { stele, boolean, until }
