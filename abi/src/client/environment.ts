/** The environment of programs whose caller gives none. */

export const DEFAULT_ENV: Readonly<Record<string, string>> = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
};

/** The same on a terminal, which is taken for what xterm.js and its like are. */
export const TERMINAL_ENV: Readonly<Record<string, string>> = { ...DEFAULT_ENV, TERM: "xterm-256color" };
