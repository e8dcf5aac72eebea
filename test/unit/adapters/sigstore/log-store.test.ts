import { memoryLogStore } from '../../../../orchestrator/adapters/sigstore/log-store.ts';
import { logStoreLaws } from '../../../laws/log-store.ts';

logStoreLaws('in memory', async () => memoryLogStore());
