/** Version of the program, that of package.json. */
export const VERSION = '0.1.0'

/** Where the admin API lives. */
export const API_BASE = '/_stint/api/v1'
