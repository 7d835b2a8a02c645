/** When two sides understand one another: the one rule, which each language gets as a function of its own. */

/** A number that both sides have. */
export type VersionWord = "major" | "minor" | "hashLo" | "hashHi";

export type Rule =
  | { readonly kind: "equal"; readonly word: VersionWord }
  | { readonly kind: "released"; readonly word: "major" }
  | { readonly kind: "not"; readonly rule: Rule }
  | { readonly kind: "all" | "any"; readonly rules: readonly [Rule, Rule, ...Rule[]] };

const equal = (word: VersionWord): Rule => ({ kind: "equal", word });

/**
 * The same major; and the same layout, too, unless the minors differ after the first release: what a minor adds lies where
 * others have nothing (`codegen/README.md`, the lock), so that both read what they know. Equal minors of another layout are
 * two that were made apart from one another.
 */
export const FITS: Rule = {
  kind: "all",
  rules: [
    equal("major"),
    {
      kind: "any",
      rules: [
        {
          kind: "all",
          rules: [
            { kind: "released", word: "major" },
            { kind: "not", rule: equal("minor") },
          ],
        },
        { kind: "all", rules: [equal("hashLo"), equal("hashHi")] },
      ],
    },
  ],
};

export interface RuleLanguage {
  /** Theirs, and this package's own. */
  readonly words: Readonly<Record<VersionWord, { readonly theirs: string; readonly ours: string }>>;
  readonly equal: string;
  readonly unequal: string;
}

/** The rule as an expression of a language with `&&` and `||`. */
export function ruleText(rule: Rule, language: RuleLanguage): string {
  switch (rule.kind) {
    case "equal": {
      const { theirs, ours } = language.words[rule.word];
      return `${theirs} ${language.equal} ${ours}`;
    }
    case "released":
      return `${language.words[rule.word].theirs} ${language.unequal} 0`;
    case "not":
      if (rule.rule.kind !== "equal") throw new Error("only an equality is turned round");
      return ruleText(rule.rule, { ...language, equal: language.unequal });
    case "all":
    case "any": {
      const parts = rule.rules.map((part) => {
        const text = ruleText(part, language);
        return part.kind === "all" || part.kind === "any" ? `(${text})` : text;
      });
      return parts.join(rule.kind === "all" ? " && " : " || ");
    }
  }
}
