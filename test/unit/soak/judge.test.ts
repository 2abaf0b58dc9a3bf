import { describe, expect, it } from 'vitest';
import { availability, growths } from '../../soak/judge.ts';

describe('a soak', () => {
  it('leaves out whatever a fault may have touched, and nothing else', () => {
    const outages = [{ name: 'a fault', from: 100, until: 200 }];
    const samples = [
      { from: 0, until: 50, available: true },
      { from: 90, until: 110, available: false },
      { from: 150, until: 160, available: false },
      { from: 190, until: 260, available: false },
      { from: 201, until: 210, available: false },
      { from: 300, until: 310, available: true },
    ];
    expect(availability(samples, outages)).toEqual({ share: 2 / 3, counted: 3 });
    expect(availability([], outages)).toEqual({ share: 0, counted: 0 });
  });

  it('compares the last third with the middle one, for whoever was there in both', () => {
    const looks = [{ a: 900 }, { a: 900 }, { a: 100, gone: 5 }, { a: 100 }, { a: 120, late: 7 }, { a: 130 }];
    expect(growths(looks)).toEqual([{ name: 'a', middle: 100, last: 125, ratio: 1.25 }]);
  });
});
