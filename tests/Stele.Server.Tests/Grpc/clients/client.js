// Checks of Stele's gRPC with @grpc/grpc-js. node client.js ADDRESS TOKEN PROTO_DIRECTORY CHECK; says what failed, and exits with 1.
'use strict'
const assert = require('node:assert/strict')
const net = require('node:net')
const path = require('node:path')
const grpc = require('@grpc/grpc-js')
const loader = require('@grpc/proto-loader')
const protobuf = require('protobufjs')

const [address, token, protos, check] = process.argv.slice(2)
const files = ['stele/v1/config.proto', 'stele/v1/environment.proto', 'stele/v1/evaluation.proto', 'stele/v1/flag.proto', 'stele/v1/journal.proto', 'stele/v1/node.proto', 'stele/v1/org.proto', 'stele/v1/audit.proto', 'stele/v1/access.proto', 'stele/v1/watch.proto', 'grpc/health/v1/health.proto']
const loaded = grpc.loadPackageDefinition(loader.loadSync(files, { keepCase: true, longs: Number, enums: String, defaults: true, includeDirs: [protos] }))
const api = loaded.stele.v1
const options = { 'grpc.max_receive_message_length': 64 << 20, 'grpc.max_send_message_length': 64 << 20 }
const open = []

function metadata(entries = {}, key = token) {
  const all = new grpc.Metadata()
  if (key) all.set('authorization', `Bearer ${key}`)
  for (const [name, value] of Object.entries(entries)) all.set(name, value)
  return all
}

function client(Service, more = {}) {
  const one = new Service(address, grpc.credentials.createInsecure(), { ...options, ...more })
  open.push(one)
  return one
}

// One call: { answer, head } or { error, head }
function ask(service, method, request, entries, callOptions, key = token) {
  return new Promise(resolve => {
    let head = new grpc.Metadata()
    const call = service[method](request, metadata(entries, key), callOptions ?? {}, (error, answer) => resolve({ error, answer, head, call }))
    call.on('metadata', first => { head = first })
  })
}

async function ok(service, method, request, entries, callOptions) {
  const { error, answer, head } = await ask(service, method, request, entries, callOptions)
  assert.equal(error, null, `${method}: ${error}`)
  return { answer, head }
}

async function refused(code, service, method, request, entries, callOptions, key = token) {
  const { error } = await ask(service, method, request, entries, callOptions, key)
  assert.ok(error, `${method} was not refused`)
  assert.equal(error.code, code, `${method}: ${error}`)
  return error
}

// google.rpc.Status with its details by their type's name
async function details(error) {
  const root = new protobuf.Root()
  root.resolvePath = (_, target) => path.join(protos, target)
  await root.load(['google/rpc/status.proto', 'google/rpc/error_details.proto'])
  const status = root.lookupType('google.rpc.Status').decode(error.metadata.get('grpc-status-details-bin')[0])
  assert.equal(status.code, error.code)
  return Object.fromEntries(status.details.map(any => [any.type_url.split('/').pop(), root.lookupType(any.type_url.split('/').pop()).toObject(root.lookupType(any.type_url.split('/').pop()).decode(any.value))]))
}

const checks = {
  async unary() {
    const config = client(api.ConfigService)
    const set = await ok(config, 'Set', { key: 'js.unary', value_json: '1.10', change_log: 'Zürich' })
    assert.equal(set.answer.value_json, '1.10')
    assert.equal(set.answer.value_type, 'VALUE_TYPE_NUMBER')
    assert.equal(set.answer.change_log, 'Zürich')
    assert.ok(set.answer.updated_at.seconds > 1.7e9)
    assert.equal(Number(set.head.get('stele-revision')[0]), set.answer.revision)
    assert.match(set.head.get('request-id')[0], /^[0-9a-f-]{36}$/)
    const got = await ok(config, 'Get', { key: 'js.unary' }, { 'stele-min-cursor': set.head.get('stele-cursor')[0] })
    assert.deepEqual(got.answer, set.answer)
    await ok(config, 'Set', { key: 'js.unary', value_json: '{"b": 1, "a": [1e2]}', value_type: 'VALUE_TYPE_JSON' })
    assert.equal((await ok(config, 'Get', { key: 'js.unary' })).answer.value_json, '{"b":1,"a":[1e2]}')
  },

  async metadata() {
    const config = client(api.ConfigService)
    const first = await ok(config, 'Set', { key: 'js.once', value_json: '1' }, { 'idempotency-key': 'js-1' })
    const again = await ok(config, 'Set', { key: 'js.once', value_json: '1' }, { 'idempotency-key': 'js-1' })
    assert.deepEqual(again.answer, first.answer)
    const other = await refused(grpc.status.FAILED_PRECONDITION, config, 'Set', { key: 'js.once', value_json: '2' }, { 'idempotency-key': 'js-1' })
    assert.equal((await details(other))['google.rpc.ErrorInfo'].reason, 'idempotency_conflict')
    const local = await ok(config, 'Get', { key: 'js.once', consistency: 'CONSISTENCY_LOCAL' }, { 'x-trace-bin': Buffer.from([0, 255, 7]) })
    assert.ok(Number(local.head.get('stele-confirmed-ms')[0]) >= 0)
    await refused(grpc.status.NOT_FOUND, config, 'Get', { key: 'js.once' }, { 'stele-org': 'nowhere' })
    await refused(grpc.status.UNAUTHENTICATED, config, 'Get', { key: 'js.once' }, {}, {}, null)
    await refused(grpc.status.UNAUTHENTICATED, config, 'Get', { key: 'js.once' }, {}, {}, 'wrong')
  },

  async errors() {
    const config = client(api.ConfigService)
    const error = await refused(grpc.status.INVALID_ARGUMENT, config, 'Change', { changes: [{ op: 'CHANGE_OP_SET', key: 'js.e', value_json: '1' }, { op: 'CHANGE_OP_SET', key: '-ü', value_json: '{' }, { key: 'js.f' }] })
    const found = await details(error)
    assert.equal(found['google.rpc.ErrorInfo'].reason, 'invalid')
    assert.equal(found['google.rpc.ErrorInfo'].domain, 'stele')
    assert.equal(found['google.rpc.RequestInfo'].request_id ?? found['google.rpc.RequestInfo'].requestId, error.metadata.get('request-id')[0])
    const violations = (found['google.rpc.BadRequest'].fieldViolations ?? found['google.rpc.BadRequest'].field_violations).map(one => `${one.reason}@${one.field}`)
    assert.deepEqual(violations, ['json.syntax@changes[1].value_json'])
    const stale = await refused(grpc.status.ABORTED, config, 'Set', { key: 'js.none', value_json: '1', expected_version: 3 })
    assert.match(stale.details, /js\.none/)
    const violated = await refused(grpc.status.INVALID_ARGUMENT, config, 'Set', { key: 'js.schema', value_json: '1', schema_json: '{"type":"string"}' })
    assert.equal((await details(violated))['google.rpc.ErrorInfo'].reason, 'schema_violation')
    await refused(grpc.status.NOT_FOUND, config, 'Get', { key: 'js.none' })
    await refused(grpc.status.NOT_FOUND, config, 'Get', { key: 'js.none', env: 'nowhere' })
  },

  async everything() {
    const [config, environments, journal, node] = [api.ConfigService, api.EnvironmentService, api.JournalService, api.NodeService].map(service => client(service))
    const start = (await ok(config, 'Change', { changes: [{ op: 'CHANGE_OP_SET', key: 'js.all.a', value_json: '1' }, { op: 'CHANGE_OP_SET', key: 'js.all.b', value_json: '"x"', schema_json: '{"type":"string"}' }] })).answer
    assert.deepEqual(start.results.map(one => one.key), ['js.all.a', 'js.all.b'])
    await ok(config, 'Set', { key: 'js.all.a', value_json: '2', expected_version: 1 })
    assert.equal((await ok(config, 'Get', { key: 'js.all.a', version: 1 })).answer.value_json, '1')
    assert.equal((await ok(config, 'Get', { key: 'js.all.b' })).answer.schema_json, '{"type":"string"}')
    const page = (await ok(config, 'List', { prefix: 'js.all.', limit: 1 })).answer
    assert.deepEqual(page.items.map(one => one.value_json), ['2'])
    assert.deepEqual((await ok(config, 'List', { prefix: 'js.all.', limit: 1, cursor: page.next_cursor })).answer.items.map(one => one.key), ['js.all.b'])
    assert.deepEqual((await ok(config, 'List', { prefix: 'js.all.', keys_only: true })).answer.items.map(one => [one.key, one.value_json]), [['js.all.a', ''], ['js.all.b', '']])
    assert.deepEqual((await ok(config, 'History', { key: 'js.all.a' })).answer.items.map(one => [one.version, one.old_value_json, one.value_json]), [[2, '1', '2'], [1, 'null', '1']])
    assert.equal((await ok(config, 'Rollback', { key: 'js.all.a', version: 1 })).answer.value_json, '1')
    assert.equal((await ok(config, 'Delete', { key: 'js.all.a' })).answer.deleted, true)
    await ok(config, 'Restore', { revision: start.revision, prefix: 'js.all.' })
    assert.equal((await ok(config, 'Get', { key: 'js.all.a' })).answer.value_json, '1')
    const diff = (await ok(config, 'Diff', { from: 'development', to: 'production', prefix: 'js.all.' })).answer
    assert.deepEqual(diff.items.map(one => [one.key, one.op, one.from_json]), [['js.all.a', 'removed', '1'], ['js.all.b', 'removed', '"x"']])
    assert.equal((await ok(config, 'ValidateSchema', { schema_json: '{"type":"string"}', value_json: '1' })).answer.errors.length, 1)
    assert.deepEqual((await ok(config, 'CheckSchema', { schema_json: '{"type":"string"}', prefix: 'js.all.' })).answer.items.map(one => one.key), ['js.all.a'])
    await ok(environments, 'Create', { name: 'js', description: 'of a test' })
    assert.ok((await ok(environments, 'List', {})).answer.items.some(one => one.name === 'js' && one.description === 'of a test'))
    const made = (await ok(environments, 'Change', { name: 'js', description: 'anew' })).answer
    assert.equal(made.description, 'anew')
    assert.equal((await ok(environments, 'Get', { name: 'js' })).answer.version, made.version)
    const names = (await ok(environments, 'List', {})).answer.items.map(one => one.name)
    assert.deepEqual((await ok(environments, 'Reorder', { order: names.toReversed() })).answer.items.map(one => one.name), names.toReversed())
    assert.equal((await ok(environments, 'Delete', { name: 'js', confirm: 'js' })).answer.deleted, true)
    const orgs = client(api.OrgService)
    assert.deepEqual((await ok(orgs, 'Create', { name: 'js-org', environments: ['one', 'two'] })).answer.environments, ['one', 'two'])
    assert.deepEqual((await ok(orgs, 'Rename', { org: 'js-org', name: 'js-other' })).answer.former_names, ['js-org'])
    const own = { 'stele-org': 'js-other' }
    assert.deepEqual((await ok(orgs, 'ChangeSettings', { protected_environments: { names: ['two'] }, limits_json: '{"environments.count":7}' }, own)).answer.limits, { 'environments.count': 7 })
    const settings = (await ok(orgs, 'ChangeSettings', { protected_environments: { names: [] }, change_log: 'why' }, own)).answer
    assert.deepEqual([settings.protected_environments, settings.limits], [[], { 'environments.count': 7 }])
    assert.deepEqual((await ok(orgs, 'GetSettings', {}, own)).answer, settings)
    assert.equal((await ok(orgs, 'Get', { name: 'js-other' })).answer.archived_at, null)
    assert.ok((await ok(orgs, 'Archive', { name: 'js-other' })).answer.archived_at.seconds > 1.7e9)
    assert.ok((await ok(orgs, 'List', { archived: true })).answer.items.some(one => one.name === 'js-other'))
    await ok(orgs, 'Unarchive', { name: 'js-other' })
    const events = (await ok(journal, 'ListEvents', { after_revision: start.revision - 1, limit: 2 })).answer
    assert.deepEqual(events.items.map(one => one.stream), ['config/development/js.all.a', 'config/development/js.all.b'])
    assert.equal(JSON.parse(events.items[0].data_json).value, 1)
    await ok(journal, 'CountChanges', {})
    const audit = client(api.AuditService)
    const lines = (await ok(audit, 'List', { action: 'config.*', target: 'config/development/js.all.a', order: 'AUDIT_ORDER_OLDEST', limit: 1 })).answer
    assert.deepEqual(lines.items.map(one => [one.action, one.log, one.outcome]), [['config.set', 'AUDIT_LOG_JOURNAL', 'AUDIT_OUTCOME_ALLOWED']])
    await ok(audit, 'ListUsage', {})
    assert.equal((await ok(node, 'SetWriteMode', { read_only: true, reason: 'a test' })).answer.reason, 'a test')
    await refused(grpc.status.UNAVAILABLE, config, 'Set', { key: 'js.all.a', value_json: '9' })
    assert.equal((await ok(node, 'SetWriteMode', { read_only: false })).answer.read_only, false)
    assert.equal((await ok(node, 'GetWriteMode', {})).answer.read_only, false)
    assert.equal((await ok(node, 'Status', {})).answer.primary.reachable, true)
    assert.ok((await ok(node, 'Limits', {})).answer.items.some(one => one.name === 'grpc.message_bytes'))
  },

  async large() {
    const config = client(api.ConfigService)
    const value = JSON.stringify('v'.repeat((8 << 20) - 2))
    await ok(config, 'Set', { key: 'js.large', value_json: value })
    assert.equal((await ok(config, 'Get', { key: 'js.large' })).answer.value_json, value)
    const over = await refused(grpc.status.RESOURCE_EXHAUSTED, config, 'Set', { key: 'js.large', value_json: JSON.stringify('v'.repeat(8 << 20)) })
    assert.equal((await details(over))['google.rpc.ErrorInfo'].reason, 'too_large')
    await refused(grpc.status.RESOURCE_EXHAUSTED, config, 'Set', { key: 'js.large', value_json: JSON.stringify('v'.repeat(33 << 20)) })
    const packed = client(api.ConfigService, { 'grpc.default_compression_algorithm': 2 })
    assert.equal((await ok(packed, 'Set', { key: 'js.packed', value_json: value })).answer.value_json, value)
  },

  async deadlines() {
    const config = client(api.ConfigService)
    await ok(config, 'Get', { key: 'js.none' }).catch(() => {})
    await refused(grpc.status.DEADLINE_EXCEEDED, config, 'Get', { key: 'js.none' }, {}, { deadline: Date.now() - 1 })
    const health = client(loaded.grpc.health.v1.Health)
    const call = health.Watch({}, metadata(), { deadline: Date.now() + 500 })
    const statuses = []
    call.on('data', one => statuses.push(one.status))
    const code = await new Promise(resolve => { call.on('error', error => resolve(error.code)) })
    assert.deepEqual(statuses, ['SERVING'])
    assert.equal(code, grpc.status.DEADLINE_EXCEEDED)
  },

  async health() {
    const health = client(loaded.grpc.health.v1.Health)
    assert.equal((await ask(health, 'Check', {}, {}, {}, null)).answer.status, 'SERVING')
    assert.equal((await ok(health, 'Check', { service: 'stele.v1.ConfigService' })).answer.status, 'SERVING')
    await refused(grpc.status.NOT_FOUND, health, 'Check', { service: 'nothing' })
    const closed = health.Watch({}, metadata({}, null))
    assert.equal(await new Promise(resolve => closed.on('error', error => resolve(error.code))), grpc.status.UNAUTHENTICATED)
    const unknown = health.Watch({ service: 'nothing' }, metadata())
    assert.equal((await first(unknown)).status, 'SERVICE_UNKNOWN')
    await cancelled(unknown)
  },

  async watch() {
    const [watching, config] = [client(api.WatchService), client(api.ConfigService)]
    const set = async (key, value) => (await ok(config, 'Set', { key, value_json: value })).head.get('stele-cursor')[0]
    const start = await set('js.watch.a', '1')
    const call = watching.Watch({ prefix: ['js.watch.', 'js.nothing'], kinds: 'config', from_cursor: start }, metadata())
    const next = reader(call)
    const head = await new Promise(resolve => call.once('metadata', resolve))
    const id = head.get('stele-subscription')[0]
    assert.equal((await next('synced')).cursor, start)
    await set('js.watch.a', '2.50')
    await set('js.other', '1')
    await ok(config, 'Change', { changes: [{ op: 'CHANGE_OP_DELETE', key: 'js.watch.a' }, { op: 'CHANGE_OP_SET', key: 'js.watch.b', value_json: '"x"' }] })
    const first = await next('change')
    assert.deepEqual(first.changes.map(one => [one.op, one.key, one.value_json, one.value_type, one.old_version, one.version]), [['set', 'js.watch.a', '2.50', 'VALUE_TYPE_NUMBER', 1, 2]])
    assert.equal(first.by, 'root')
    const second = await next('change')
    assert.deepEqual(second.changes.map(one => [one.op, one.key, one.value_json]), [['delete', 'js.watch.a', 'null'], ['set', 'js.watch.b', '"x"']])
    await ok(watching, 'Acknowledge', { id, revision: second.revision })
    await refused(grpc.status.INVALID_ARGUMENT, watching, 'Acknowledge', { id, revision: second.revision + 100 })
    const listed = (await ok(watching, 'ListSubscriptions', {})).answer.items.find(one => one.id === id)
    assert.deepEqual([listed.transport, listed.prefixes, listed.applied_revision, listed.environment], ['grpc', ['js.nothing', 'js.watch.'], second.revision, 'development'])
    // who was away goes on from the cursor
    const away = watching.Watch({ prefix: ['js.watch.'], from_cursor: first.cursor }, metadata())
    const later = reader(away)
    assert.deepEqual(await later('change'), second)
    await later('synced')
    const converged = (await ok(config, 'Change', { changes: [{ op: 'CHANGE_OP_SET', key: 'js.watch.c', value_json: '1' }], wait_for: 'subscribers', timeout: { seconds: 1 } })).answer
    assert.deepEqual([converged.convergence.matched, converged.convergence.complete], [2, false])
    await Promise.all([call, away].map(cancelled))
    for (const [request, code] of [[{ from_cursor: 'nonsense' }, 3], [{ from_revision: 1e12 }, 3], [{ env: 'nowhere' }, 5], [{ kinds: 'all' }, 3], [{ prefix: Array(10001).fill('a') }, 3]]) {
      const wrong = watching.Watch(request, metadata())
      assert.equal(await new Promise(resolve => { wrong.on('data', () => {}); wrong.on('error', error => resolve(error.code)) }), code, JSON.stringify(request).slice(0, 80))
    }
  },

  async access() {
    const [access, config, watching] = [api.AccessService, api.ConfigService, api.WatchService].map(service => client(service))
    const scope = permission => ({ permission, environments: ['development'], prefix: 'js.mine.' })
    const mine = (await ok(access, 'CreateToken', { name: 'js', scopes: [scope('config:read'), scope('config:write')] })).answer
    assert.equal((await ask(config, 'Set', { key: 'js.mine.a', value_json: '1' }, {}, {}, mine.token)).error, null)
    await refused(grpc.status.PERMISSION_DENIED, config, 'Set', { key: 'js.yours.a', value_json: '1' }, {}, {}, mine.token)
    const denied = await refused(grpc.status.PERMISSION_DENIED, config, 'Get', { key: 'js.mine.a', env: 'production' }, {}, {}, mine.token)
    assert.equal((await details(denied))['google.rpc.ErrorInfo'].reason, 'forbidden')
    const call = watching.Watch({}, metadata({}, mine.token))
    const next = reader(call)
    const ended = new Promise(resolve => call.once('error', resolve))
    await next('synced')
    await ok(config, 'Set', { key: 'js.yours.a', value_json: '1' })
    const { head } = await ok(config, 'Set', { key: 'js.mine.a', value_json: '2' })
    assert.deepEqual((await next('change')).changes.map(one => one.key), ['js.mine.a'])
    await ok(access, 'RevokeToken', { id: mine.id })
    const end = await ended
    assert.equal(end.code, grpc.status.UNAUTHENTICATED)
    assert.match(end.details, /^revoked/)
    assert.ok(parseInt(end.metadata.get('stele-cursor')[0]) >= parseInt(head.get('stele-revision')[0]))
    await refused(grpc.status.UNAUTHENTICATED, config, 'Get', { key: 'js.mine.a' }, {}, {}, mine.token)
  },

  async evaluation() {
    const [changes, evaluation] = [client(api.FlagService), client(api.EvaluationService)]
    const definition_json = JSON.stringify({ state: 'ENABLED', variants: { on: 1.50, off: 0 }, defaultVariant: 'off', targeting: { if: [{ var: 'beta' }, 'on', null] } })
    const { answer: written } = await ok(changes, 'Set', { name: 'js/eval.flag', definition_json })
    const { answer, head } = await ok(evaluation, 'Evaluate', { key: 'js/eval.flag', context_json: '{"beta":true}' })
    assert.deepEqual([answer.key, answer.value_json, answer.variant, answer.reason], ['js/eval.flag', '1.5', 'on', 'TARGETING_MATCH'])
    assert.deepEqual(JSON.parse(answer.metadata_json), { revision: written.revision, rule: '/targeting/if/1' })
    assert.ok(parseInt(head.get('stele-revision')[0]) >= written.revision)
    const all = (await ok(evaluation, 'EvaluateAll', { context_json: '{}' })).answer
    assert.equal(all.flags.find(flag => flag.key === 'js/eval.flag').value_json, '0')
    const missing = await refused(grpc.status.NOT_FOUND, evaluation, 'Evaluate', { key: 'js.none' })
    assert.match(missing.details, /js\.none/)
    await refused(grpc.status.INVALID_ARGUMENT, evaluation, 'Evaluate', { key: 'js/eval.flag', context_json: '[]' })
    const way = (await ok(evaluation, 'Explain', { flag: 'js/eval.flag', context_json: '{"beta":true}' })).answer
    assert.equal(JSON.parse(way.path_json).operation, 'if')
    const compared = (await ok(evaluation, 'Compare', { context_json: '{"beta":true}', from: 'development', to: 'production' })).answer
    assert.equal(compared.items.find(item => item.flag === 'js/eval.flag').to, null)
  },

  async streams() {
    const health = client(loaded.grpc.health.v1.Health)
    const calls = Array.from({ length: 1000 }, () => health.Watch({}, metadata()))
    for (const one of await Promise.all(calls.map(first))) assert.equal(one.status, 'SERVING')
    assert.equal(connections(), 1)
    // the thousand stay open while others are answered on the same connection
    const config = client(api.ConfigService)
    await ok(config, 'Set', { key: 'js.streams', value_json: '1' })
    const answers = await Promise.all(Array.from({ length: 1000 }, () => ok(config, 'Get', { key: 'js.streams' })))
    assert.ok(answers.every(one => one.answer.value_json === '1'))
    await Promise.all(calls.map(cancelled))
    assert.equal((await ok(health, 'Check', {})).answer.status, 'SERVING')
  },
}

// The next message of a kind; heartbeats are passed over.
function reader(call) {
  const waiting = []
  let wake = () => {}
  call.on('data', message => { waiting.push(message); wake() })
  call.on('error', () => wake())
  return async kind => {
    for (;;) {
      while (waiting.length === 0) await new Promise(resolve => { wake = resolve })
      const message = waiting.shift()
      if (message.progress && kind !== 'progress') continue
      assert.ok(message[kind], `expected ${kind}, got ${JSON.stringify(message)}`)
      return message[kind]
    }
  }
}

function first(call) {
  return new Promise((resolve, reject) => { call.once('data', resolve); call.once('error', reject) })
}

function cancelled(call) {
  return new Promise((resolve, reject) => {
    call.removeAllListeners('error')
    call.once('error', error => (error.code === grpc.status.CANCELLED ? resolve() : reject(error)))
    call.cancel()
  })
}

function connections() {
  const port = Number(address.split(':').pop())
  return process._getActiveHandles().filter(handle => handle instanceof net.Socket && handle.remotePort === port).length
}

checks[check]().then(() => { open.forEach(one => one.close()); process.exit(0) }, error => { console.error(error.stack ?? error); process.exit(1) })
