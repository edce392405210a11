import type { Question } from './question';

export const questions: readonly Question[] = [
  {
    id: '04-a',
    kind: 'number',
    text: 'A system $A x = b$ with $A = I + R R^\\top$ has 10,000 unknowns; $R$ has 3 columns. After how many iterations are conjugate gradients done, in exact arithmetic and at most?',
    answer: () => 3 + 1,
    mistakes: [
      {
        value: () => 10000,
        diagnosis:
          'That is the bound that holds for every positive definite matrix. This one has few *different* eigenvalues: how many?',
      },
      {
        value: () => 3,
        diagnosis:
          'Three eigenvalues differ from 1. The eigenvalue 1, of all other directions, has to be dealt with too.',
      },
    ],
    explanation:
      'Conjugate gradients find the best polynomial of $A$; one of degree $k$ can vanish at $k$ eigenvalues. Here there are at most four different ones, 1 and three others, so four products are enough, whatever the number of unknowns. Clusters count nearly like single eigenvalues.',
  },
  {
    id: '04-b',
    kind: 'number',
    text: 'A batch has $n = 20$ examples, the network $C = 10$ outputs and $p = 10^6$ weights. How many unknowns has the system that Woodbury solves for $(I + \\delta J^\\top S J)^{-1} g$?',
    answer: () => 20 * 10,
    mistakes: [
      {
        value: () => 20,
        diagnosis: 'Each example has $C$ outputs, and $J$ has a row for each of them.',
      },
      {
        value: () => 1e6,
        diagnosis:
          'That is the size of the system before. The matrix differs from $I$ by something of low rank: of which rank at most?',
      },
      {
        value: () => 10,
        diagnosis: 'Those are the outputs of one example. The batch has $n$ of them.',
      },
    ],
    explanation:
      '$J$ has $nC = 200$ rows, so the rank of $J^\\top S J$ is at most 200, and a 200 × 200 system is enough. (For a softmax each example loses one: 180.) It pays as long as $nC$ is small: forming the matrix takes $nC$ pairs of products, solving about $(nC)^3/3$ multiplications.',
  },
];
