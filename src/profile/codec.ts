// The binary form of a state: what the state store keeps per set and per profile. Compact columns: whole numbers as varints,
// timestamps of a clause as differences, sources as indexes. Decoding what was encoded gives an equal state.
import type { JsonValue } from '../spec/event.ts'
import { ByteReader, ByteWriter } from '../util/bytes.ts'
import { emptyState, type ProfileState, type Register } from './state.ts'

const VERSION = 1

export function encodeState(state: ProfileState): Uint8Array {
  const writer = new ByteWriter()
  writer.unsigned(VERSION)
  writer.unsigned(state.count)
  if (state.count > 0) {
    writer.signed(state.firstAt)
    writer.unsigned(state.lastAt - state.firstAt)
    writer.unsigned(state.firstOffset)
    writer.unsigned(state.lastOffset - state.firstOffset)
  }
  encodeRegisters(writer, state.traits, (name) => writer.text(name))
  writer.unsigned(state.clauses.size)
  for (const [id, timestamps] of state.clauses) {
    writer.unsigned(id)
    writer.unsigned(timestamps.length)
    timestamps.forEach((at, index) => {
      if (index === 0) writer.signed(at)
      else writer.unsigned(timestamps[index - 1]! - at)
    })
  }
  encodeRegisters(writer, state.consent, (identifier) => writer.unsigned(identifier))
  return writer.bytes()
}

/** Throws on bytes that `encodeState` did not write. */
export function decodeState(bytes: Uint8Array): ProfileState {
  const reader = new ByteReader(bytes)
  const state = emptyState()
  if (bytes.length === 0) return state
  const version = reader.unsigned()
  if (version !== VERSION) throw new Error(`state of unknown version ${version}`)
  state.count = reader.unsigned()
  if (state.count > 0) {
    state.firstAt = reader.signed()
    state.lastAt = state.firstAt + reader.unsigned()
    state.firstOffset = reader.unsigned()
    state.lastOffset = state.firstOffset + reader.unsigned()
  }
  decodeRegisters(reader, state.traits, () => reader.text())
  for (let left = reader.unsigned(); left > 0; left--) {
    const id = reader.unsigned()
    const timestamps = new Array<number>(reader.unsigned())
    for (let index = 0; index < timestamps.length; index++) {
      timestamps[index] = index === 0 ? reader.signed() : timestamps[index - 1]! - reader.unsigned()
    }
    state.clauses.set(id, timestamps)
  }
  decodeRegisters(reader, state.consent, () => reader.unsigned())
  return state
}

function encodeRegisters<K>(writer: ByteWriter, map: Map<K, Map<string, Register>>, writeKey: (key: K) => void): void {
  writer.unsigned(map.size)
  for (const [key, registers] of map) {
    writeKey(key)
    writer.unsigned(registers.size)
    for (const [inner, register] of registers) {
      writer.text(inner)
      writer.signed(register.at)
      writer.unsigned(register.offset)
      writer.text(JSON.stringify(register.value))
    }
  }
}

function decodeRegisters<K>(reader: ByteReader, map: Map<K, Map<string, Register>>, readKey: () => K): void {
  for (let left = reader.unsigned(); left > 0; left--) {
    const registers = new Map<string, Register>()
    map.set(readKey(), registers)
    for (let inner = reader.unsigned(); inner > 0; inner--) {
      const name = reader.text()
      const at = reader.signed()
      const offset = reader.unsigned()
      registers.set(name, { at, offset, value: JSON.parse(reader.text()) as JsonValue })
    }
  }
}
