import { startJupyterLab } from './jupyterlab.mjs';
import { prepare } from './prepare.mjs';
import { onInterrupt } from './run.mjs';
import { runMain } from './step.mjs';

await runMain(async () => {
  await prepare();
  const { url, stop, ended } = await startJupyterLab(process.argv.slice(2));
  if (url === undefined) {
    process.exitCode = await ended;
    return;
  }
  let asked = false;
  onInterrupt(() => {
    asked = true;
    stop();
  });
  console.log(`JupyterLab: ${url}\nCtrl-C ends it.`);
  const status = await ended;
  process.exitCode = asked ? 0 : status;
});
