/** The contents of a GPU adapter's `info`. */
interface AdapterInfo {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  isFallbackAdapter?: boolean;
}

/** The little of the WebGPU interface that is needed here. */
export interface Gpu {
  requestAdapter(options?: {
    powerPreference?: 'high-performance';
  }): Promise<{ info: AdapterInfo; isFallbackAdapter?: boolean } | null>;
}

/** A GPU that was found, or why none was. */
export type Adapter = { device: string; software: boolean; gpu: Gpu } | { reason: string };
