import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseOutput } from '../../exporter/output-spec.ts'
import type { OutputSpec } from '../../exporter/types.ts'
import { withCode } from './support.ts'

const GOOD: readonly (readonly [string, OutputSpec])[] = [
  ['out', { type: 'local', dest: 'out' }],
  ['./a=b/c', { type: 'local', dest: './a=b/c' }],
  ['-', { type: 'tar', dest: '-' }],
  ['type=local,dest=out', { type: 'local', dest: 'out' }],
  ['type=tar,dest=x.tar', { type: 'tar', dest: 'x.tar' }],
  ['type=tar', { type: 'tar', dest: '-' }],
  ['type=oci,dest=x.tar', { type: 'oci', dest: 'x.tar', tar: true, names: [] }],
  ['type=oci', { type: 'oci', dest: '-', tar: true, names: [] }],
  ['type=oci,tar=false,dest=dir', { type: 'oci', dest: 'dir', tar: false, names: [] }],
  ['type=docker', { type: 'docker', tar: true, names: [] }],
  ['type=docker,dest=-', { type: 'docker', dest: '-', tar: true, names: [] }],
  [
    'TYPE=docker,"name=a,b:2",Dest=x',
    { type: 'docker', dest: 'x', tar: true, names: ['docker.io/library/a:latest', 'docker.io/library/b:2'] },
  ],
  ['type=oci,"dest=with ""quotes"", and comma"', { type: 'oci', dest: 'with "quotes", and comma', tar: true, names: [] }],
  ['type=image,name=a', { type: 'image', push: false, names: ['docker.io/library/a:latest'] }],
  ['type=image,push=1', { type: 'image', push: true, names: [] }],
  [
    'type=oci,dest=x,compression=zstd,compression-level=22,oci-mediatypes=false',
    { type: 'oci', dest: 'x', tar: true, names: [], layers: { compression: 'zstd', level: 22, force: false, family: 'oci' } },
  ],
  [
    'type=docker,dest=x,compression=uncompressed,compression-level=99,force-compression=1',
    { type: 'docker', dest: 'x', tar: true, names: [], layers: { compression: 'none', force: true, family: 'oci' } },
  ],
  [
    'type=image,oci-mediatypes=false,compression-level=0',
    { type: 'image', push: false, names: [], layers: { compression: 'gzip', level: 0, force: false, family: 'docker' } },
  ],
  ['type=registry,name=h:1/a', { type: 'image', push: true, names: ['h:1/a:latest'] }],
]

for (const [text, spec] of GOOD) test(`--output ${text}`, () => assert.deepEqual(parseOutput(text), spec))

const BAD: readonly string[] = [
  '',
  'type=nothing,dest=x',
  'type=constructor,dest=x',
  'dest=x,tar=true',
  'type=oci,dest',
  'type=local',
  'type=local,dest=-',
  'type=tar,dest=',
  'type=oci,tar=false',
  'type=oci,tar=perhaps,dest=x',
  'type=oci,compresion=zstd,dest=x',
  'type=image,dest=x',
  'type=oci,compression=estargz',
  'type=oci,compression=none',
  'type=oci,compression=toString',
  'type=oci,compression-level=10',
  'type=oci,compression-level=-1',
  'type=oci,compression-level=',
  'type=oci,compression-level=6.5',
  'type=oci,compression=uncompressed,compression-level=much',
  'type=oci,compression=zstd,compression-level=23',
  'type=oci,force-compression=perhaps',
  'type=oci,oci-mediatypes=',
  'type=tar,compression=gzip',
  'type=local,dest=x,force-compression=true',
  'type=oci,"dest=x',
  'type=oci,de"st=x',
]

for (const text of BAD) test(`--output ${text} is refused`, () => assert.throws(() => parseOutput(text), withCode('TSB_USAGE_OUTPUT')))

test('what is refused comes with what can be written instead', () => {
  assert.throws(() => parseOutput('type=oci,compresion=zstd'), { code: 'TSB_USAGE_OUTPUT', hint: /compression.*force-compression/ })
  assert.throws(() => parseOutput('type=tar,compression=gzip'), {
    code: 'TSB_USAGE_OUTPUT',
    hint: /: dest, source-date-epoch, rewrite-timestamp$/,
  })
  assert.throws(() => parseOutput('type=oci,force-compression=perhaps'), { code: 'TSB_USAGE_OUTPUT', hint: /`force-compression=true`/ })
})

test('options about times are read as BuildKit reads them', () => {
  const timesOf = (text: string): unknown => parseOutput(text).times
  assert.equal(timesOf('type=oci'), undefined)
  assert.deepEqual(timesOf('type=oci,rewrite-timestamp=true'), { rewrite: true })
  assert.deepEqual(timesOf('type=registry,source-date-epoch=+12'), { rewrite: false, epoch: 12 })
  assert.deepEqual(timesOf('type=local,dest=d,source-date-epoch='), { rewrite: false, epoch: 'none' })
  for (const bad of ['source-date-epoch=x', 'source-date-epoch=1.5', 'source-date-epoch=999999999999', 'rewrite-timestamp=maybe']) {
    assert.throws(() => parseOutput(`type=tar,${bad}`), { code: 'TSB_USAGE_OUTPUT' }, bad)
  }
})
