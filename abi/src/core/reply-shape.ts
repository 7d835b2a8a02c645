/** What the generated code says of replies. */

/** Which word of a reply has which name. */
export interface ReplyShape {
  readonly names: {
    readonly result?: string;
    readonly value?: string;
    readonly value2?: string;
    readonly handle?: string;
  };
  /** Names of the errnos that the request may answer. */
  readonly errnos: readonly string[];
}
