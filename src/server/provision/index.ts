/*
 * Setting up a server once, as `provision` of its definition says: what can be written into its root before it ever runs, and
 * commands in it once it does. Done step by step, each noted in the server's storage, so that it can be taken up anywhere.
 */
export {provisionInside} from './inside.ts'
export {answerCall, hasCall, provisionLater} from './later.ts'
export {hasPendingFiles, provisionFiles} from './offline.ts'
export {markWaiting, pendingOf, readState, writeState} from './state.ts'
export {stepsOf} from './steps.ts'
export type {GeneratedPassword} from './users.ts'
