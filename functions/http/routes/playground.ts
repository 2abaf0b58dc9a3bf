import { playgroundPage } from '../playground/page.ts';
import { defineRoute } from '../route.ts';

export const playgroundRoutes = [
  defineRoute({
    method: 'GET',
    path: '/playground',
    access: 'anyone',
    rate: 'none',
    tag: 'Service',
    summary: 'A page for uploading files, asking questions, and seeing what an answer is based on',
    success: { status: 200, description: 'A page', contentType: 'text/html' },
    async handle({ services }) {
      return playgroundPage(async () => {
        // Only the origin of signed URLs is needed; the URL itself is never used.
        const { url } = await services.objects.presignPut('uploads', { contentType: 'text/plain', bytes: 1 });
        return new URL(url).origin;
      });
    },
  }),
];
