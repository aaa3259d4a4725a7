/*
 * Files between the host and running servers, as tar streams: the tar inside reads and writes the server's tree, so that nothing of
 * the host ever walks it. What comes from a server is read as what a hostile tenant wrote.
 */
export {type CopyInOptions, type CopyInReport, copyIn} from './in.ts'
export {type CopyOutOptions, type CopyOutReport, copyOut} from './out.ts'
