/*
 * The launch room: turns a definition, an image and the host's facts into a launch plan (pure), encodes it for C, and
 * says it in words. It decides everything about a start and does nothing of it.
 */
export {compile} from './compile.ts'
export {explain} from './explain.ts'
export type {LaunchControllers, LaunchImage, LaunchInput, LaunchServer} from './input.ts'
export {encode, type LaunchPlan, type LaunchStep, originText} from './plan.ts'
export {type CarePlace, withCare} from './settings.ts'
