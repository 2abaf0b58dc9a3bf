import type { ChunkLanguage } from './chunk-languages.ts';

/** The commonest function words of each language: they make up a third to a half of running text. */
const lists: Partial<Readonly<Record<ChunkLanguage, string>>> = {
  english:
    'the of and to in is that for it as was with be by on not he his this are or at from had have which an they you were there ' +
    'been their has would what will can all if do when who so no more about out into than its only other some could these',
  german:
    'der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach ' +
    'wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man sein wurde wenn kann ich wir',
  french:
    'de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont la avec son elle aux ou mais ' +
    'comme nous vous ils leur cette ses été être à où ont ces fait même tout on sans entre aussi',
  spanish:
    'de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin sobre este ya entre ' +
    'cuando todo esta ser son dos también fue había era muy hasta desde está nos durante hay donde',
  portuguese:
    'de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua ou ser quando ' +
    'muito nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos são',
  catalan:
    'de la el i que a en un per les els del una és amb no al es dels als va més com o ha aquest aquesta seva seu però també són ' +
    'ser entre on fins des hi ho molt sobre pel quan tot altres estat han',
  italian:
    'di che e la il un a è per in una non sono si da con i del le della lo come nel alla dei anche più gli o al delle ma ha se ' +
    'dal nella questo cui alle ai dalla ci degli era essere stato loro tra suo sua nei',
  dutch:
    'de van het een en in is dat op te zijn met voor niet die aan er om ook als dan maar bij nog uit door naar heeft tot ze wordt ' +
    'over of worden was hij wel deze kan geen meer dit zich hun ik je we had werd hebben',
  danish:
    'og i at det er en til af på for med der den som ikke de har et kan om var han vi fra men så sig eller nu hun også efter blev ' +
    'når skal blive være havde ved hvor op vil deres bliver mod over noget meget hvad dette',
  swedish:
    'och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi så kan när nu skulle eller hon ' +
    'under också efter där ska vid mot blir alla vara hade blev mycket över än då vad detta',
  norwegian:
    'og i det på som er en til å av for at med har de ikke den om et fra var jeg men seg vi han så kan når skal etter ved eller ' +
    'også blir ble ut opp hun hadde være noe være mot dette hva sin over bare nå ha',
  finnish:
    'ja on ei että se oli ovat kun mutta myös joka hän jos niin kuin tai sen ole jo mitä sekä vain nyt kanssa olla tämä voi mukaan ' +
    'jotka ne ollut hänen siitä minä tämän olisi mikä sitä kaikki vielä koska eivät',
  hungarian:
    'a az és hogy nem is egy ez de van meg csak volt már ha mint azt el még vagy azonban lehet ki amely ezt sem kell után minden ' +
    'ami nagyon majd aki mert be fel ilyen között pedig így illetve lesz voltak',
  romanian:
    'de și în la cu pe un o din care nu mai este să se pentru că au fost sunt lui prin ce dar sau ca după fi ai ei iar am al le ' +
    'această acest unei unui până ale cel doar când între foarte',
  turkish:
    've bir bu da de için ile çok daha olarak gibi en olan kadar o ne var ama ki sonra ya değil her mi göre olduğu ben yeni iki ' +
    'veya olduğunu tarafından oldu bile şey hem ise ancak',
  indonesian:
    'yang dan di dengan untuk dari ini dalam tidak itu pada ke akan adalah juga oleh sebagai ada telah mereka bisa karena atau saya ' +
    'lebih kita tersebut dapat sudah tahun seperti kami bahwa harus secara hanya menjadi',
  russian:
    'и в не на что он с как я это по но они к у из за мы от то все так его был для а о же бы вы если или только она быть при ' +
    'когда были который чтобы было до также их уже можно где этого во со',
  arabic:
    'في من على أن إلى عن مع هذا التي كان هذه ما لا الذي بعد كل ذلك بين قد أو كما قبل هو هي لم عند حتى إن ولا وفي وقد كانت',
  hindi:
    'के है में की और का से को पर यह कि एक ने हैं नहीं भी कर लिए इस हो या था जो तो गया अपने साथ होता तक थे वह बाद रहा थी करने जाता',
};

/** Languages by their words: one that several share counts for each of them. */
export const functionWords: ReadonlyMap<string, readonly ChunkLanguage[]> = byWord();

function byWord(): Map<string, ChunkLanguage[]> {
  const languages = new Map<string, ChunkLanguage[]>();
  for (const [language, list] of Object.entries(lists) as [ChunkLanguage, string][])
    for (const word of new Set(list.split(' '))) {
      const known = languages.get(word);
      if (known) known.push(language);
      else languages.set(word, [language]);
    }
  return languages;
}
