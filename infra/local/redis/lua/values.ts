import { formatScore } from '../commands/arguments.ts';
import { NULL_ARRAY, RedisError, type Reply, StatusReply } from '../protocol/reply.ts';
import { LuaType, type LuaVm } from './vm.ts';

/** Deeper tables are refused rather than followed: a table may hold itself. */
const MAX_DEPTH = 100;
/** One slot for each of the values that a level of a reply keeps on the stack. */
const STACK_SLOTS = 16;

/** A reply as Lua sees it: nil is false, a status is {ok=…}, an error {err=…}, numbers are doubles. */
export function pushReply(vm: LuaVm, reply: Reply): void {
  const { api, state } = vm;
  api.lua_checkstack(state, STACK_SLOTS);
  if (reply === null || reply === NULL_ARRAY) api.lua_pushboolean(state, 0);
  else if (typeof reply === 'number' || typeof reply === 'bigint') api.lua_pushnumber(state, Number(reply));
  else if (typeof reply === 'string') vm.pushBytes(Buffer.from(reply));
  else if (Buffer.isBuffer(reply)) vm.pushBytes(reply);
  else if (reply instanceof StatusReply) pushField(vm, 'ok', reply.text);
  else if (reply instanceof RedisError) pushField(vm, 'err', reply.message);
  else if (typeof reply === 'object') pushArray(vm, reply as readonly Reply[]);
  else api.lua_pushnil(state);
}

function pushField(vm: LuaVm, name: string, text: string): void {
  vm.api.lua_createtable(vm.state, 0, 1);
  vm.pushBytes(Buffer.from(text));
  vm.api.lua_setfield(vm.state, -2, name);
}

function pushArray(vm: LuaVm, items: readonly Reply[]): void {
  vm.api.lua_createtable(vm.state, items.length, 0);
  for (const [position, item] of items.entries()) {
    pushReply(vm, item);
    vm.api.lua_rawseti(vm.state, -2, BigInt(position + 1));
  }
}

/** The arguments of redis.call: strings, and numbers printed so that integers stay plain. */
export function readArguments(vm: LuaVm): Buffer[] {
  const { api, state } = vm;
  const count = api.lua_gettop(state);
  if (count === 0) {
    throw new RedisError('ERR Please specify at least one argument for this redis lib call');
  }
  const args: Buffer[] = [];
  for (let index = 1; index <= count; index++) {
    const type: number = api.lua_type(state, index);
    if (type === LuaType.string) args.push(vm.bytesAt(index));
    else if (type === LuaType.number) args.push(Buffer.from(formatScore(api.lua_tonumberx(state, index, null))));
    else throw new RedisError('ERR Lua redis lib command arguments must be strings or integers');
  }
  return args;
}

/** What a script has returned, taken from the top of the stack: numbers lose their fraction, arrays end at the first nil. */
export function popReply(vm: LuaVm, depth = 0): Reply {
  const { api, state } = vm;
  if (depth > MAX_DEPTH) throw new RedisError('ERR reached lua stack limit');
  const type: number = api.lua_type(state, -1);
  const reply = type === LuaType.table ? readTable(vm, depth) : readScalar(vm, type);
  api.lua_settop(state, -2);
  return reply;
}

function readScalar(vm: LuaVm, type: number): Reply {
  if (type === LuaType.string) return vm.bytesAt(-1);
  if (type === LuaType.boolean) return vm.api.lua_toboolean(vm.state, -1) === 1 ? 1 : null;
  if (type === LuaType.number) return truncated(vm.api.lua_tonumberx(vm.state, -1, null));
  return null;
}

/** As the cast of a double to a 64-bit integer does it on the machines that run Redis. */
function truncated(value: number): Reply {
  if (Number.isSafeInteger(value)) return value;
  if (!(Math.abs(value) < 2 ** 63)) return -(2n ** 63n);
  return BigInt(Math.trunc(value));
}

function readTable(vm: LuaVm, depth: number): Reply {
  const { api, state } = vm;
  api.lua_checkstack(state, STACK_SLOTS);
  const failure = readField(vm, 'err');
  if (failure !== undefined) return new RedisError(failure);
  const status = readField(vm, 'ok');
  if (status !== undefined) return new StatusReply(status);
  const items: Reply[] = [];
  for (let position = 1n; ; position++) {
    const type: number = api.lua_rawgeti(state, -1, position);
    if (type === LuaType.nil) {
      api.lua_settop(state, -2);
      return items;
    }
    items.push(popReply(vm, depth + 1));
  }
}

function readField(vm: LuaVm, name: string): string | undefined {
  vm.pushBytes(Buffer.from(name));
  const type = vm.api.lua_rawget(vm.state, -2);
  const text = type === LuaType.string ? vm.bytesAt(-1).toString() : undefined;
  vm.api.lua_settop(vm.state, -2);
  return text;
}
