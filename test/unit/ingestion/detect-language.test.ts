import { beforeAll, describe, expect, it } from 'vitest';
import { chunkLanguages } from '../../../shared/ingestion/chunk-languages.ts';
import { detectLanguage } from '../../../shared/ingestion/detect-language.ts';
import { defaultChunking, split } from '../../../shared/ingestion/split.ts';
import { loadTokenCounter, type TokenCounter } from '../../../shared/ingestion/token-counter.ts';

const samples: readonly (readonly [language: string, text: string])[] = [
  ['english', 'The workers lease what is still to buy, and the last one makes it visible.'],
  ['english', '# Setup\n\nRun the command and wait for it to end.'],
  ['german', 'Die Arbeiter mieten, was noch zu kaufen ist, und der letzte macht es für alle sichtbar.'],
  ['french', 'Les ouvriers louent ce qui reste à acheter, et le dernier le rend visible pour tous.'],
  ['spanish', 'Los trabajadores alquilan lo que queda por comprar y el último lo hace visible para todos.'],
  ['portuguese', 'Os trabalhadores alugam o que ainda falta comprar, e o último torna isso visível para todos.'],
  ['catalan', 'Els treballadors lloguen el que encara queda per comprar, i aquest últim ho fa visible per a tothom.'],
  [
    'italian',
    'Gli operai affittano ciò che resta da comprare, e l’ultimo lo rende visibile anche alle altre persone della casa.',
  ],
  ['dutch', 'De arbeiders huren wat er nog te koop is, en de laatste maakt het voor iedereen zichtbaar.'],
  ['danish', 'Arbejderne lejer, hvad der endnu er at købe, og den sidste gør det synligt for alle efter noget tid.'],
  ['swedish', 'Arbetarna hyr det som finns kvar att köpa, och den sista gör det synligt för alla som är där.'],
  ['norwegian', 'Arbeiderne leier det som fortsatt er å kjøpe, og den siste gjør det synlig for alle etter noe tid.'],
  [
    'finnish',
    'Työntekijät vuokraavat sen, mitä on vielä ostettava, ja viimeinen tekee sen näkyväksi, kun se on valmis.',
  ],
  [
    'hungarian',
    'A munkások bérlik azt, ami még megvehető, és az utolsó ezt mindenki számára láthatóvá teszi, ha már kész.',
  ],
  [
    'romanian',
    'Muncitorii închiriază ceea ce mai este de cumpărat, iar ultimul face ca totul să fie vizibil pentru cei din jur.',
  ],
  [
    'turkish',
    'İşçiler satın alınacak ne varsa kiralar ve sonra en son gelen bunu herkes için görünür kılar, bu çok iyi bir şey.',
  ],
  [
    'indonesian',
    'Para pekerja menyewa apa yang masih bisa dibeli, dan yang terakhir membuat hal itu terlihat untuk semua orang.',
  ],
  ['russian', 'Рабочие арендуют то, что ещё можно купить, и последний из них делает это видимым для всех.'],
  ['greek', 'Οι εργάτες νοικιάζουν ό,τι απομένει'],
  ['arabic', 'العمال يستأجرون ما بقي من ذلك في السوق على أن يكون هذا كل ما كان قد بقي بعد ذلك'],
  ['hindi', 'मजदूर वह किराए पर लेते हैं जो खरीदने के लिए बाकी है और अंतिम व्यक्ति इसे सभी के लिए दिखाता है'],
  ['tamil', 'தொழிலாளர்கள் வாடகைக்கு எடுக்கிறார்கள்'],
  ['armenian', 'Բանվորները վարձակալում են այն'],
  // No configuration, or no language.
  [
    'simple',
    'Robotnicy dzierżawią to, co jest jeszcze do kupienia, a ostatni czyni to widocznym dla wszystkich, którzy na to czekają.',
  ],
  ['simple', 'Dělníci si pronajímají to, co se ještě dá koupit, a poslední z nich to na konci zviditelní pro všechny.'],
  [
    'simple',
    'Робітники орендують те, що ще можна купити, і останній з них робить це видимим для всіх, хто на це чекає.',
  ],
  [
    'simple',
    'Работниците наемат това, което все още може да се купи, и последният от тях го прави видимо за всички, които са на пазара и чакат.',
  ],
  ['simple', 'کارگران آنچه را که هنوز برای خرید باقی مانده است اجاره می‌کنند و آخرین نفر آن را برای همه نمایان می‌کند'],
  ['simple', 'Công nhân thuê những gì còn lại để mua, và người cuối cùng làm cho mọi người nhìn thấy điều đó.'],
  ['simple', '工人租用尚未购买的内容'],
  ['simple', '労働者は、まだ購入するものを借りて、最後の人がそれを見えるようにします。'],
  ['simple', 'const a = fetch(url); return a.json();'],
  ['simple', '1 2 3 | 4 5 6'],
  ['simple', ''],
];

describe('detectLanguage', () => {
  it.each(samples)('%s: %s', (language, text) => {
    expect(detectLanguage(text)).toBe(language);
  });

  it('knows a sample of every language that it may name', () => {
    expect(new Set(samples.map(([language]) => language))).toEqual(new Set(chunkLanguages));
  });

  it('takes a text that says little for what is inherited, and no other', () => {
    for (const text of ['Kündigungsfrist', '12,50 € / Stück, 4 Stück', '', '# 2024\n\n| 1 | 2 | 3 |'])
      expect(detectLanguage(text, 'german')).toBe('german');
    expect(detectLanguage('The contract ends when the other party is told so in writing.', 'german')).toBe('english');
    expect(
      detectLanguage('Robotnicy dzierżawią to, co jest jeszcze do kupienia, a ostatni czyni to widocznym.', 'german'),
    ).toBe('simple');
  });
});

describe('the chunks of a document', () => {
  let counter: TokenCounter;
  beforeAll(async () => {
    counter = await loadTokenCounter();
  });

  it('are in its language when they are too short to tell, and in their own when they tell', () => {
    const german = 'Die Arbeiter mieten, was noch zu kaufen ist, und der letzte macht es für alle sichtbar. '.repeat(
      20,
    );
    const english = 'The workers lease what is still to buy, and the last one makes it visible to all. '.repeat(20);
    const text = `${german}\n\n# Zitat\n\n${english}\n\n# Preise\n\n${'| 12,50 | 3 |\n'.repeat(60)}\n${german}`;
    const chunks = [
      ...split(
        { text, format: 'markdown', mediaType: 'text/markdown' },
        { ...defaultChunking, maxTokens: 200 },
        counter,
      ),
    ];
    const languageOf = (words: string) => chunks.find((chunk) => chunk.text.includes(words))?.language;
    expect(languageOf('Die Arbeiter')).toBe('german');
    expect(languageOf('The workers')).toBe('english');
    expect(languageOf('| 12,50 | 3 |\n| 12,50')).toBe('german');
  });
});
