import { Type } from 'typebox';
import type { FastifyInstance } from 'fastify';
import { ImageView } from '../../contract/api.ts';
import type { Images } from '../../ports.ts';

/** `/api/images`: the images that are being made, or could not be. */
export function imageRoutes(app: FastifyInstance, { images }: { readonly images: Pick<Images, 'view'> }): void {
  app.get('/api/images',
    { config: { words: { summary: 'Images that are being made or could not be made.', answer: Type.Array(ImageView) } } },
    async () => images.view());
}
