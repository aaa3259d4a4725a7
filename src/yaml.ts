/**
 * What is needed of the YAML parser by those who load it only when they need it. In the bundle `import('yaml')` itself would have
 * none of its names: it is CommonJS, and esbuild gives a chunk of such only a default.
 */
export {parse, parseDocument} from 'yaml'
