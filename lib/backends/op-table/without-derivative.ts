const names = (text: string) => text.trim().split(/\s+/);

/** Public functions that stand outside the table, each group for its reason. */
export const withoutDerivative: string[] = [
  // They make numbers from none, or from sizes.
  ...names(`eye multinomial rand randomGamma randomNormal randomStandardNormal randomUniform
    randomUniformInt truncatedNormal raggedRange signal.hammingWindow signal.hannWindow`),
  // They answer with places or sizes, and throw where a derivative is asked of them.
  ...names(`broadcastArgs searchSorted image.nonMaxSuppression image.nonMaxSuppressionAsync
    image.nonMaxSuppressionWithScore image.nonMaxSuppressionWithScoreAsync
    image.nonMaxSuppressionPadded image.nonMaxSuppressionPaddedAsync image.threshold
    sparse.sparseReshape`),
  // Other names for layers in the table.
  ...names(`layers.avgPool1d layers.avgPooling1d layers.avgPool2d layers.avgPooling2d
    layers.avgPool3d layers.avgPooling3d layers.globalMaxPool1d layers.globalMaxPool2d
    layers.maxPool1d layers.maxPool2d`),
  // Abstract classes, inputs, and the cells that the recurrent layers in the table run.
  ...names(`layers.Layer layers.RNN layers.RNNCell layers.input layers.inputLayer layers.rnn
    layers.simpleRNNCell layers.gruCell layers.lstmCell layers.convLstm2dCell
    layers.stackedRNNCells`),
  // They encode categories or draw sizes at random.
  ...names('layers.categoryEncoding layers.randomWidth'),
];
