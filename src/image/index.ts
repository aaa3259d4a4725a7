/*
 * The image room: how a template becomes an image. It reads recipes, runs their builders, keeps images in a cache by the
 * address of what went into them, and knows which init a root file system has. It starts nothing and knows no server's state.
 */
export {detectInit} from './init.ts'
export {type Resolved, type ResolveOptions, resolveInRoot} from './resolve.ts'
export {
  buildImage,
  ensureImage,
  imageExists,
  imageUsers,
  listImages,
  removeImage,
  showImage,
} from './store.ts'
export {listTemplates, loadTemplate, type TemplatePlace} from './template.ts'
export type {
  BuilderName,
  HostTree,
  ImageInfo,
  ImageOptions,
  Init,
  InitKind,
  ParameterSpec,
  Recipe,
  TemplateChoice,
} from './types.ts'
