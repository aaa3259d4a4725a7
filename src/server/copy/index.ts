/*
 * Files between the host and servers, and from server to server, as tar streams. Where a server runs, its own tar reads and writes its
 * tree, so that nothing of the host ever walks it; where it does not, its tree is assembled for that, out of everybody's sight, and
 * each name in it is taken by the directory that it is in. What comes from a server is read as what a hostile tenant wrote.
 */
export {type CopyBetweenOptions, type CopyBetweenReport, copyBetween} from './between.ts'
export {type CopyInOptions, type CopyInReport, copyIn} from './in.ts'
export {type CopyOutOptions, type CopyOutReport, copyOut} from './out.ts'
