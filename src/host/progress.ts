/** Told what a long verb is doing, one line at a time, without a newline. */
export type Progress = (line: string) => void

/** For callers that do not listen. */
export const silent: Progress = () => {}
