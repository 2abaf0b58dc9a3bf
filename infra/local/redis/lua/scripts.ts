import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ScriptRunner } from '../commands/command.ts';
import { RedisError, type Reply } from '../protocol/reply.ts';
import { toLua54 } from './dialect.ts';
import { popReply, pushReply, readArguments } from './values.ts';
import { LuaType, LuaVm } from './vm.ts';

export interface LuaScriptsOptions {
  readonly timeoutMs: number;
  readonly log: (message: string) => void;
}

type CommandCaller = (args: Buffer[]) => Reply;

/** Compiles, keeps and runs scripts in one Lua state, as Redis does; two runs never overlap. */
export class LuaScripts implements ScriptRunner {
  readonly #vm: LuaVm;
  readonly #compiled = new Map<string, number>();
  readonly #timeoutMs: number;
  readonly #compile: number;
  readonly #run: number;
  #caller: CommandCaller | undefined;
  #stopAt = Number.POSITIVE_INFINITY;

  constructor(vm: LuaVm, { timeoutMs, log }: LuaScriptsOptions) {
    this.#vm = vm;
    this.#timeoutMs = timeoutMs;
    vm.loadChunk(readFileSync(new URL('./prelude.lua', import.meta.url), 'utf8'), 'prelude');
    vm.pushFunction(() => this.#callCommand());
    vm.pushFunction(() => {
      log(`redis script: ${vm.bytesAt(1)}`);
      return 0;
    });
    vm.pushFunction(() => {
      vm.pushBytes(Buffer.from(sha1(vm.bytesAt(1))));
      return 1;
    });
    vm.loadChunk(readFileSync(new URL('./cjson.lua', import.meta.url), 'utf8'), 'cjson');
    vm.api.lua_pushlightuserdata(vm.state, 0);
    vm.call(1, 1);
    vm.call(4, 2);
    this.#run = vm.takeReference();
    this.#compile = vm.takeReference();
    vm.interruptWhen(() => performance.now() > this.#stopAt, `Script killed after ${timeoutMs} ms`);
  }

  close(): void {
    this.#vm.close();
  }

  load(source: Buffer): string {
    const sha = sha1(source);
    if (!this.#compiled.has(sha)) this.#compiled.set(sha, this.#compileSource(toLua54(source.toString('latin1'))));
    return sha;
  }

  exists(sha: string): boolean {
    return this.#compiled.has(sha);
  }

  flush(): void {
    for (const reference of this.#compiled.values()) this.#vm.dropReference(reference);
    this.#compiled.clear();
  }

  run(sha: string, keys: Buffer[], args: Buffer[], call: CommandCaller): Reply {
    const vm = this.#vm;
    this.#caller = call;
    this.#stopAt = performance.now() + this.#timeoutMs;
    try {
      vm.pushReference(this.#run);
      vm.pushReference(this.#compiled.get(sha) as number);
      pushReply(vm, keys);
      pushReply(vm, args);
      vm.pushBytes(Buffer.from(sha));
      vm.call(4, 2);
      const succeeded = vm.api.lua_toboolean(vm.state, -2) === 1;
      return succeeded ? popReply(vm) : new RedisError(vm.bytesAt(-1).toString());
    } catch (error) {
      // An interrupt may strike after the script's own frames, in ours.
      throw error instanceof RedisError ? error : new RedisError(`ERR ${(error as Error).message} script: ${sha}.`);
    } finally {
      this.#caller = undefined;
      this.#stopAt = Number.POSITIVE_INFINITY;
      vm.rearmInterrupt();
      vm.api.lua_settop(vm.state, 0);
    }
  }

  #compileSource(source: string): number {
    const vm = this.#vm;
    vm.pushReference(this.#compile);
    vm.pushBytes(Buffer.from(source, 'latin1'));
    vm.call(1, 2);
    if (vm.api.lua_type(vm.state, -2) === LuaType.nil) {
      const message = vm.bytesAt(-1).toString();
      vm.api.lua_settop(vm.state, 0);
      throw new RedisError(`ERR Error compiling script (new function): ${message}`);
    }
    vm.api.lua_settop(vm.state, -2);
    return vm.takeReference();
  }

  /** The function behind redis.call and redis.pcall: pushes true and the reply, or false and the error's text. */
  #callCommand(): number {
    const { api, state } = this.#vm;
    const reply = this.#callerReply();
    api.lua_pushboolean(state, reply instanceof RedisError ? 0 : 1);
    if (reply instanceof RedisError) this.#vm.pushBytes(Buffer.from(reply.message));
    else pushReply(this.#vm, reply);
    return 2;
  }

  #callerReply(): Reply {
    try {
      return (this.#caller as CommandCaller)(readArguments(this.#vm));
    } catch (error) {
      // Nothing may be thrown through the VM's frames: they would never be unwound.
      return error instanceof RedisError ? error : new RedisError(`ERR internal error: ${(error as Error).message}`);
    }
  }
}

export async function createLuaScripts(options: LuaScriptsOptions): Promise<LuaScripts> {
  return new LuaScripts(await LuaVm.create(), options);
}

function sha1(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex');
}
