/*
 * The storage room: the server's own layer, on top of its image. It makes one, removes one, and tells what it takes on disk.
 * How layers are mounted is the launch plan's matter.
 */
export {makeStorage, removeStorage} from './layer.ts'
export {sizeOnDisk} from './size.ts'
