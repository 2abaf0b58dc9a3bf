import { isIPv4 } from 'node:net';
import type { StageSettings } from './stage-settings.ts';

/** What is wrong with a stage, as one sentence that names the setting; nothing if it is right. */
export type Check = (stage: StageSettings) => string | false | undefined;

export function isWhole(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}

/** Whether it is an IPv4 network in CIDR notation. */
export function isNetwork(text: string): boolean {
  const [, address = '', length] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  return isIPv4(address) && Number(length) <= 32;
}
