import { Type } from 'typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { EditApproveRequest, EditBatchPreview, EditBatchRequest, EditCheck, EditPreview, EditPreviewRequest, EditRefuseRequest, EditRequest, EditView } from '../../contract/edits.ts';
import type { Edits } from '../../edit-ports.ts';
import { ofEdit, ofWhat } from '../plugins/access.ts';

const ById = Type.Object({ id: Type.String({ maxLength: 64 }) });
const Newest = Type.Object({ limit: Type.Optional(Type.String({ pattern: '^[0-9]{1,3}$' })) });
const CancelRequest = Type.Object({ by: Type.String({ maxLength: 80 }) });
const newestMax = 200;

/** The account that asks; absent for a farm without accounts. */
const askerOf = ({ actor }: FastifyRequest): string | undefined => actor?.accountId;

/** `/api/edits`: changes of published metadata. */
export function editRoutes(app: FastifyInstance, { edits }: { readonly edits: Edits }): void {
  app.post<{ Body: EditPreviewRequest }>('/api/edits/preview',
    { schema: { body: EditPreviewRequest }, config: { access: { role: 'trigger', project: ofWhat }, words: { summary: 'What an edit would do; writes nothing of it.', answer: EditPreview } } },
    (request) => edits.preview(request.body, askerOf(request)));

  app.post<{ Body: EditPreviewRequest }>('/api/edits/check',
    { schema: { body: EditPreviewRequest }, config: { access: { role: 'trigger', project: ofWhat }, words: { summary: 'What stock resolvers say of the release with the edit, and the one build of a patched sdist: asked again while it goes on.', answer: EditCheck } } },
    (request) => edits.check(request.body));

  app.post<{ Body: EditRequest }>('/api/edits',
    { schema: { body: EditRequest }, config: { access: { role: 'maintainer', project: ofWhat }, words: { summary: 'Confirms a preview and delivers the edit.', answer: EditView } } },
    async (request, reply) => reply.code(201).send(await edits.start(request.body, askerOf(request))));

  app.post<{ Body: EditPreviewRequest }>('/api/edit-batches/preview',
    { schema: { body: EditPreviewRequest }, config: { access: { role: 'trigger', project: ofWhat }, words: { summary: 'What an edit of several releases would do; writes nothing of it.', answer: EditBatchPreview } } },
    (request) => edits.previewBatch(request.body, askerOf(request)));

  app.post<{ Body: EditBatchRequest }>('/api/edit-batches',
    { schema: { body: EditBatchRequest }, config: { access: { role: 'maintainer', project: ofWhat }, words: { summary: 'Confirms such a preview: one edit for each release.', answer: Type.Array(EditView) } } },
    async (request, reply) => reply.code(201).send(await edits.startBatch(request.body, askerOf(request))));

  app.get<{ Querystring: { limit?: string } }>('/api/edits',
    { schema: { querystring: Newest }, config: { words: { summary: 'Edits, newest first.', answer: Type.Array(EditView) } } },
    (request) => edits.newest(Math.min(Number(request.query.limit ?? 20), newestMax)));

  app.get<{ Params: { id: string } }>('/api/edits/:id',
    { schema: { params: ById }, config: { words: { summary: 'One edit.', answer: EditView } } },
    (request) => edits.view(request.params.id));

  app.post<{ Params: { id: string }; Body: EditApproveRequest }>('/api/edits/:id/approve',
    { schema: { params: ById, body: EditApproveRequest }, config: { access: { role: 'maintainer', project: ofEdit }, words: { summary: 'The yes of a second maintainer to an edit that adds a dependency.', answer: EditView } } },
    (request) => edits.approve(request.params.id, request.body, askerOf(request)));

  app.post<{ Params: { id: string }; Body: EditRefuseRequest }>('/api/edits/:id/refuse',
    { schema: { params: ById, body: EditRefuseRequest }, config: { access: { role: 'maintainer', project: ofEdit }, words: { summary: 'Ends an edit that waits for an approval.', answer: EditView } } },
    (request) => edits.refuse(request.params.id, request.body));

  app.post<{ Params: { id: string }; Body: { by: string } }>('/api/edits/:id/cancel',
    { schema: { params: ById, body: CancelRequest }, config: { access: { role: 'maintainer', project: ofEdit }, words: { summary: 'Asks for the end of an edit that is not being published yet.' } } },
    async (request, reply) => {
      await edits.cancel(request.params.id, request.body.by);
      return reply.code(202).send();
    });
}
