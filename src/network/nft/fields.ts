/*
 * Keys and values of sets in the three spellings that they have: bytes as the kernel has them (for netlink, in hex), text as nft
 * reads it, and what its JSON says. Pure.
 */
import {addressBytes, addressOfBytes, formatAddress, parseAddress} from '../../ip.ts'

export type FieldType =
  | 'ifname'
  | 'ether_addr'
  | 'ipv4_addr'
  | 'ipv6_addr'
  | 'inet_proto'
  | 'inet_service'
  | 'mark'
  /** 16 bytes of a packet, as `0x` and hex. */
  | 'raw128'

/** Numbers for ports and marks, text for all else: `tcp`, `10.77.0.2`, `vps-web1`. */
export type FieldValue = string | number

const WIDTH: Readonly<Record<FieldType, number>> = {
  ifname: 16,
  ether_addr: 6,
  ipv4_addr: 4,
  ipv6_addr: 16,
  inet_proto: 1,
  inet_service: 2,
  mark: 4,
  raw128: 16,
}

/** Of <linux/in.h>. */
const PROTOCOLS: Readonly<Record<string, number>> = {icmp: 1, tcp: 6, udp: 17, icmpv6: 58}

/** The bytes of a key in hex; each part of a concatenation takes a multiple of 4 bytes. */
export function encodeFields(types: readonly FieldType[], values: readonly FieldValue[]): string {
  return types
    .map((type, index) => {
      const bytes = encodeField(type, values[index] ?? '')
      return (types.length > 1 ? padded(bytes) : bytes).toString('hex')
    })
    .join('')
}

/** What `encodeFields` made the bytes of. */
export function decodeFields(types: readonly FieldType[], hex: string): FieldValue[] {
  const bytes = Buffer.from(hex, 'hex')
  let offset = 0
  return types.map(type => {
    const width = WIDTH[type]
    const value = decodeField(type, bytes.subarray(offset, offset + width))
    offset += types.length > 1 ? Math.ceil(width / 4) * 4 : width
    return value
  })
}

/** As nft reads it: `"vps-web1" . 10.77.0.2 . tcp . 80`. */
export function fieldsText(types: readonly FieldType[], values: readonly FieldValue[]): string {
  return types
    .map((type, index) => (type === 'ifname' ? `"${values[index]}"` : String(values[index])))
    .join(' . ')
}

function encodeField(type: FieldType, value: FieldValue): Buffer {
  const bytes = Buffer.alloc(WIDTH[type])
  if (type === 'ifname') bytes.write(String(value), 'latin1')
  else if (type === 'inet_proto') bytes.writeUInt8(protocolNumber(value))
  else if (type === 'inet_service') bytes.writeUInt16BE(Number(value))
  else if (type === 'ether_addr') bytes.write(String(value).replaceAll(':', ''), 'hex')
  else if (type === 'raw128') bytes.write(String(value).slice('0x'.length), 'hex')
  else if (type === 'mark') writeMark(bytes, Number(value))
  else bytes.set(addressOf(String(value)))
  return bytes
}

function decodeField(type: FieldType, bytes: Buffer): FieldValue {
  if (type === 'ifname') return bytes.toString('latin1').replace(/\0.*$/s, '')
  if (type === 'inet_service') return bytes.readUInt16BE()
  if (type === 'mark') return readMark(bytes)
  if (type === 'raw128') return `0x${bytes.toString('hex')}`
  if (type === 'ether_addr') return bytes.toString('hex').replace(/(..)(?=.)/g, '$1:')
  if (type === 'inet_proto') {
    const number = bytes.readUInt8()
    return Object.entries(PROTOCOLS).find(([, known]) => known === number)?.[0] ?? number
  }
  return formatAddress(addressOfBytes(bytes))
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
}

/** Marks are numbers of the kernel's own, so in the order of its bytes. */
function writeMark(bytes: Buffer, mark: number): void {
  bytes.set(new Uint8Array(Uint32Array.of(mark).buffer))
}

function readMark(bytes: Buffer): number {
  return new Uint32Array(Uint8Array.from(bytes).buffer)[0] ?? 0
}

function protocolNumber(value: FieldValue): number {
  const number = typeof value === 'number' ? value : PROTOCOLS[value]
  if (number === undefined) throw new TypeError(`${value} is no protocol that is known here`)
  return number
}

function addressOf(text: string): Uint8Array {
  const address = parseAddress(text)
  if (address === undefined) throw new TypeError(`${text} is no address`)
  return addressBytes(address)
}
