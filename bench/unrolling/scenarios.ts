export async function scenarioTables(): Promise<void> {}
