/** A running checksum. */
export interface Digest {
  update(chunk: Uint8Array): void;
  /** The digest, most significant byte first. */
  digest(): Buffer;
}

const CRC32C_POLYNOMIAL = 0x82f63b78;

/** CRC-64/NVME, reflected, as two 32-bit halves: BigInt arithmetic would be fifty times slower. */
const CRC64_POLYNOMIAL_HIGH = 0x9a6c9329;
const CRC64_POLYNOMIAL_LOW = 0xac4bc9b5;

let crc32cTable: Uint32Array | undefined;
let crc64Table: { readonly high: Uint32Array; readonly low: Uint32Array } | undefined;

/** CRC-32C (Castagnoli, RFC 3720 appendix B.4), table-driven, a byte at a time. */
export function createCrc32c(): Digest {
  crc32cTable ??= buildCrc32cTable();
  const table = crc32cTable;
  let value = 0xffffffff;
  return {
    update: (chunk) => {
      let current = value;
      for (const byte of chunk) current = ((table[(current ^ byte) & 0xff] as number) ^ (current >>> 8)) >>> 0;
      value = current;
    },
    digest: () => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE((value ^ 0xffffffff) >>> 0);
      return bytes;
    },
  };
}

function buildCrc32cTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ CRC32C_POLYNOMIAL : value >>> 1;
    return value >>> 0;
  });
}

/** CRC-64/NVME (NVM Express base specification, polynomial ad93d23594c93659), table-driven. */
export function createCrc64Nvme(): Digest {
  crc64Table ??= buildCrc64Table();
  const { high, low } = crc64Table;
  let valueHigh = 0xffffffff;
  let valueLow = 0xffffffff;
  return {
    update: (chunk) => {
      for (const byte of chunk) {
        const index = (valueLow ^ byte) & 0xff;
        valueLow = ((low[index] as number) ^ ((valueLow >>> 8) | (valueHigh << 24))) >>> 0;
        valueHigh = ((high[index] as number) ^ (valueHigh >>> 8)) >>> 0;
      }
    },
    digest: () => {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt32BE((valueHigh ^ 0xffffffff) >>> 0, 0);
      bytes.writeUInt32BE((valueLow ^ 0xffffffff) >>> 0, 4);
      return bytes;
    },
  };
}

function buildCrc64Table(): { high: Uint32Array; low: Uint32Array } {
  const high = new Uint32Array(256);
  const low = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let valueHigh = 0;
    let valueLow = byte;
    for (let bit = 0; bit < 8; bit++) {
      const carry = valueLow & 1;
      valueLow = ((valueLow >>> 1) | (valueHigh << 31)) >>> 0;
      valueHigh >>>= 1;
      if (carry === 1) {
        valueHigh = (valueHigh ^ CRC64_POLYNOMIAL_HIGH) >>> 0;
        valueLow = (valueLow ^ CRC64_POLYNOMIAL_LOW) >>> 0;
      }
    }
    high[byte] = valueHigh;
    low[byte] = valueLow;
  }
  return { high, low };
}
