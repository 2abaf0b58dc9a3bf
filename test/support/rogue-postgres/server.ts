import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { answerStatements, type StatementRoguery } from './statement-answers.ts';

/** How a server misbehaves. */
export type Roguery =
  | { readonly kind: 'silent' }
  | { readonly kind: 'talks HTTP' }
  | { readonly kind: 'hangs up' }
  /** Answers the login with an error of this SQLSTATE. */
  | { readonly kind: 'error'; readonly state: string; readonly message: string }
  /** Lets anybody in, and answers the first statement with a row that has no end, or with an error. */
  | { readonly kind: 'floods' }
  | { readonly kind: 'lets in'; readonly state: string }
  /** Lets anybody in, takes everything as PostgreSQL does, and does this with the statement of a caller. */
  | { readonly kind: 'runs statements'; readonly answer: StatementRoguery }
  /** Speaks TLS with a certificate of this directory, then answers as `behind`. */
  | { readonly kind: 'TLS'; readonly certificate: 'certificate' | 'expired'; readonly behind: Roguery }
  /** Asks for the password in the clear, and keeps what comes. */
  | { readonly kind: 'asks for the password' };

export interface RogueServer {
  readonly port: number;
  /** Connections so far. */
  readonly connections: number;
  /** Passwords that clients sent in the clear. */
  readonly heard: readonly string[];
  close(): Promise<void>;
}

const file = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');

/** The certificate, for who trusts it. */
export const rogueCertificate = () => file('certificate.pem');

/** Something on a port of loopback that is no good PostgreSQL server. */
export async function startRogueServer(roguery: Roguery): Promise<RogueServer> {
  const sockets = new Set<Socket>();
  const heard: string[] = [];
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.once('data', (data) => misbehave(socket, data, roguery, heard));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    heard,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const sslRequest = 80_877_103;
/** AuthenticationOk and ReadyForQuery. */
const letIn = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49]);

function misbehave(socket: Socket, data: Buffer, roguery: Roguery, heard: string[]): void {
  if (roguery.kind === 'silent') return;
  if (roguery.kind === 'hangs up') return void socket.destroy();
  if (roguery.kind === 'talks HTTP') return void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  if (roguery.kind === 'TLS') return void beginTls(socket, roguery, heard);
  if (data.length >= 8 && data.readInt32BE(4) === sslRequest) {
    socket.write('N');
    socket.once('data', (next) => misbehave(socket, next, roguery, heard));
    return;
  }
  if (roguery.kind === 'runs statements') {
    socket.write(letIn);
    return void answerStatements(socket, roguery.answer);
  }
  if (roguery.kind === 'floods' || roguery.kind === 'lets in') {
    socket.write(letIn);
    socket.once('data', () => {
      if (roguery.kind === 'floods') flood(socket);
      else socket.write(errorMessage(roguery.state, 'a secret of theirs'));
    });
    return;
  }
  if (roguery.kind === 'asks for the password') {
    socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
    socket.once('data', (answer) => heard.push(answer.subarray(5, -1).toString()));
    return;
  }
  socket.end(errorMessage(roguery.state, roguery.message));
}

function errorMessage(state: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${state}\0M${message}\0\0`);
  const head = Buffer.alloc(5, 'E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

/** One row of a gigabyte, as fast as it is taken. */
function flood(socket: Socket): void {
  const piece = Buffer.alloc(1 << 20);
  socket.write(Buffer.from([0x44, 0x40, 0, 0, 0]));
  const pour = () => {
    while (!socket.destroyed && socket.write(piece));
    if (!socket.destroyed) socket.once('drain', pour);
  };
  pour();
}

function beginTls(socket: Socket, { certificate, behind }: Extract<Roguery, { kind: 'TLS' }>, heard: string[]): void {
  socket.write('S');
  const secure = new TLSSocket(socket, {
    isServer: true,
    cert: file(`${certificate}.pem`),
    key: file(certificate === 'expired' ? 'expired-key.pem' : 'key.pem'),
  });
  secure.on('error', () => {});
  secure.once('data', (data) => misbehave(secure, data, behind, heard));
}
