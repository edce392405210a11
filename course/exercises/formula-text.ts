/**
 * A formula as a line of plain characters, for a terminal: `(I + \delta H)^{-1}g` becomes
 * `(I + δH)⁻¹g`. It knows the TeX that this course uses; what has no character of its own is written
 * out, `x_(BR)`.
 */
export function formulaText(tex: string): string {
  const [text] = sequence(tex, 0);
  return text
    .replace(/ {2,}/g, ' ')
    .replace(/([([√]) | (?=[)\],;])/g, '$1')
    .trim()
    .normalize();
}

/** What is read from a place on, and where it ends. */
type Read = [text: string, end: number];

/** Everything up to a brace that closes, or the end. */
function sequence(tex: string, start: number): Read {
  let text = '';
  let at = start;
  while (at < tex.length && tex[at] !== '}') {
    const [part, end] = piece(tex, at);
    text += part;
    at = end;
  }
  return [text, at];
}

/** A command, a group in braces, an index, or a single character. */
function piece(tex: string, at: number): Read {
  const first = tex[at]!;
  if (first === '\\') return command(tex, at);
  if (first === '{') {
    const [text, end] = sequence(tex, at + 1);
    return [text, end + 1];
  }
  if (first === '^' || first === '_') {
    const [text, end] = argument(tex, at + 1);
    return [index(first, text.trim()), end];
  }
  return [CHARACTERS[first] ?? first, at + 1];
}

/** What a command or an index applies to: a group, or the next piece. */
function argument(tex: string, at: number): Read {
  let start = at;
  while (tex[start] === ' ') start++;
  return start < tex.length ? piece(tex, start) : ['', start];
}

function command(tex: string, at: number): Read {
  const [, name] = /^\\([a-zA-Z]+|.)/s.exec(tex.slice(at)) ?? ['', ''];
  // A space that ends the name of a command is dropped: `\delta H`.
  const [gap] = /^( +(?=[\\{(a-zA-Z]))?/.exec(tex.slice(at + 1 + name!.length)) ?? [''];
  const end = at + 1 + name!.length + gap.length;
  if (FRACTIONS.has(name!)) {
    const [above, middle] = argument(tex, end);
    const [below, after] = argument(tex, middle);
    return [`${bracketed(above)}/${bracketed(below)}`, after];
  }
  if (name === 'sqrt') {
    const [text, after] = argument(tex, end);
    return [`√${bracketed(text)}`, after];
  }
  if (name! in ACCENTS) {
    const [text, after] = argument(tex, end);
    return [text.trim() + ACCENTS[name!], after];
  }
  if (name === 'operatorname') {
    const [text, after] = argument(tex, end);
    return [applied(text, tex[after]), after];
  }
  if (FUNCTIONS.has(name!)) return [applied(name!, tex[end]), end];
  if (name === 'begin' || name === 'end') return ['', argument(tex, end)[1]];
  const alphabet = ALPHABETS[name!];
  if (alphabet !== undefined) {
    const [text, after] = argument(tex, end);
    return [alphabet[text] ?? text, after];
  }
  if (name === 'binom') {
    const [above, middle] = argument(tex, end);
    const [below, after] = argument(tex, middle);
    return [`C(${above}, ${below})`, after];
  }
  return [COMMANDS[name!] ?? name!, end];
}

/** The name of a function, apart from an argument without brackets. */
const applied = (name: string, next = '') => (/[a-zA-Z\\]/.test(next) ? `${name} ` : name);

/** An exponent or an index, in small characters where they exist. */
function index(kind: '^' | '_', text: string): string {
  const small = kind === '^' ? SUPERSCRIPTS : SUBSCRIPTS;
  const characters = [...text.replaceAll(' ', '')];
  if (characters.every((one) => one in small)) return characters.map((one) => small[one]).join('');
  return kind + (characters.length > 1 ? `(${text})` : text);
}

const bracketed = (text: string) =>
  /^[^ +−/]*$/.test(text.trim()) ? text.trim() : `(${text.trim()})`;

const FRACTIONS = new Set(['frac', 'tfrac', 'dfrac']);
const FUNCTIONS = new Set(
  'argmin cos cosh det exp inf log max min sin sinh sup tan tanh'.split(' '),
);
const ACCENTS: Record<string, string> = {
  dot: '\u0307',
  hat: '\u0302',
  tilde: '\u0303',
  bar: '\u0304',
};
const ALPHABETS: Record<string, Record<string, string>> = {
  mathbb: { R: 'ℝ', C: 'ℂ', E: '𝔼' },
  mathcal: { L: 'ℒ' },
};
const CHARACTERS: Record<string, string> = { '-': '−', "'": '′', '~': ' ', '&': ' ', '\n': ' ' };

/** Pairs of a key and what it stands for, one after the other. */
const pairs = (list: string) => {
  const words = list.trim().split(/\s+/);
  return Object.fromEntries(
    Array.from({ length: words.length / 2 }, (_, i) => [words[2 * i]!, words[2 * i + 1]!]),
  );
};
const spaced = (names: Record<string, string>) =>
  Object.fromEntries(Object.entries(names).map(([name, sign]) => [name, ` ${sign} `]));
const nothing = (list: string) => Object.fromEntries(list.split(' ').map((name) => [name, '']));

const COMMANDS: Record<string, string> = {
  ...pairs(`
    alpha α beta β gamma γ delta δ epsilon ε varepsilon ε zeta ζ eta η theta θ kappa κ lambda λ
    mu μ nu ν xi ξ pi π rho ρ sigma σ tau τ phi φ varphi φ chi χ psi ψ omega ω Gamma Γ Delta Δ
    Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Phi Φ Psi Ψ Omega Ω partial ∂ nabla ∇ infty ∞ ell ℓ
    top ᵀ cdot · prime ′ sum Σ prod Π int ∫ dots … cdots … ldots … lVert ‖ rVert ‖ lvert | rvert |
    langle ⟨ rangle ⟩ lceil ⌈ rceil ⌉ circ ∘ | ‖ { { } } % %
  `),
  ...spaced(
    pairs(`
      approx ≈ le ≤ leq ≤ ge ≥ geq ≥ ne ≠ neq ≠ equiv ≡ to → rightarrow → Rightarrow ⇒ implies ⇒
      Longrightarrow ⇒ iff ⇔ leftarrow ← mapsto ↦ in ∈ times × otimes ⊗ odot ⊙ pm ± ll ≪ gg ≫ sim ~
      succ ≻ succeq ⪰ perp ⊥ propto ∝
    `),
  ),
  ...nothing('left right big Big bigl bigr Bigl Bigr bigg Bigg ! text texttt mathrm mathbf'),
  ...{ ',': ' ', ';': ' ', ':': ' ', ' ': ' ', quad: ' ', qquad: ' ', '\\': '; ' },
};

const SUPERSCRIPTS: Record<string, string> = pairs(
  '0 ⁰ 1 ¹ 2 ² 3 ³ 4 ⁴ 5 ⁵ 6 ⁶ 7 ⁷ 8 ⁸ 9 ⁹ + ⁺ − ⁻ n ⁿ i ⁱ k ᵏ t ᵗ m ᵐ ᵀ ᵀ ′ ′ * *',
);
const SUBSCRIPTS: Record<string, string> = pairs(
  '0 ₀ 1 ₁ 2 ₂ 3 ₃ 4 ₄ 5 ₅ 6 ₆ 7 ₇ 8 ₈ 9 ₉ + ₊ − ₋ i ᵢ j ⱼ k ₖ l ₗ m ₘ n ₙ p ₚ t ₜ x ₓ',
);
