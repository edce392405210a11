import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exerciseIds, loadExercise } from './catalogue';
import { formulaText } from './formula-text';
import { richText } from './rich-text';

describe('a formula for a terminal', () => {
  it.each([
    ['(I + \\delta H)^{-1}g', '(I + δH)⁻¹g'],
    ['\\nabla F(x^+) \\approx g - H(x^+ - x)', '∇F(x⁺) ≈ g − H(x⁺ − x)'],
    ['A\\,\\partial x^* = -B', 'A ∂x* = −B'],
    ['-B^\\top A^{-1} \\partial_x g', '−BᵀA⁻¹ ∂ₓ g'],
    ['\\tfrac12 \\lVert r\\rVert^2', '1/2 ‖r‖²'],
    ['1 - \\frac{2\\lambda}{L+\\mu}', '1 − 2λ/(L+μ)'],
    ['\\lVert r_k\\rVert > \\theta = 1', '‖rₖ‖ > θ = 1'],
    ['H_{BR}, \\theta_{t-1}, a_{l+1}', 'H_(BR), θₜ₋₁, aₗ₊₁'],
    ['D = \\operatorname{diag}\\sqrt{\\hat v} + \\varepsilon', 'D = diag √v̂ + ε'],
    ['-\\log\\operatorname{softmax}(z)_y', '−log softmax(z)_y'],
    ['x \\in \\mathbb{R}^{n \\times n}', 'x ∈ ℝ^(n × n)'],
    ['c_k = \\frac{1}{4^k}\\binom{2k}{k}', 'cₖ = 1/4ᵏC(2k, k)'],
    ['q^\\top \\mathcal L_k w', 'qᵀℒₖ w'],
    ['\\dot z_l = \\sigma_l \\odot \\dot a', 'żₗ = σₗ ⊙ ȧ'],
  ])('%s', (tex, text) => {
    expect(formulaText(tex)).toBe(text);
  });

  it('leaves code alone, and sums of money', () => {
    expect(richText('Take $x_1$:\n```ts\nconst s = "$x$";\n```\nwith `a$b` and `c$d`.')).toBe(
      'Take x₁:\n    const s = "$x$";\nwith a$b and c$d.',
    );
    expect(richText('It costs 5$.')).toBe('It costs 5$.');
  });

  it('knows every command that a diagnosis, a hint or a solution uses', async () => {
    const texts: string[] = [];
    for (const id of exerciseIds()) {
      const { hints, mutants } = await loadExercise(id);
      texts.push(...hints, ...mutants.map(({ diagnosis }) => diagnosis));
    }
    const folder = join(__dirname, '..', '..', 'exercises');
    for (const name of readdirSync(folder).filter((name) => name.endsWith('.md'))) {
      texts.push(readFileSync(join(folder, name), 'utf8'));
    }
    const formulas = texts.flatMap((text) =>
      [...text.replace(/```[\s\S]*?```|`[^`\n]*`/g, '').matchAll(/\$\$?([^$]+)\$\$?/g)].map(
        (match) => match[1]!,
      ),
    );
    expect(formulas.length).toBeGreaterThan(500);
    const words = formulas.flatMap((tex) =>
      formulaText(tex).match(/[a-zA-Z]{4,}|\\|[{}](?=.*\\)/g),
    );
    // Long words in the result are words of the formula, not names of commands.
    const known = new Set(
      formulas.flatMap((tex) => tex.replace(/\\[a-zA-Z]+/g, ' ').match(/[a-zA-Z]{4,}/g) ?? []),
    );
    expect([...new Set(words.filter((word) => word && !known.has(word)))]).toEqual(['tanh']);
  });
});
