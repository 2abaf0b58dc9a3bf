/** The alias by which functions are called where new versions are rolled out. Apart, so that commands need not load the CDK for a name. */
export const liveAlias = 'live';
