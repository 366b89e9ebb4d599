export { createRegistryClient, type RegistryClientOptions } from './client.ts'
export { type Credential, dockerCredentials, type FindCredential } from './credentials.ts'
export type * from './types.ts'
