import { render } from 'preact';
import { Announcer } from './announcer.js';
import { Header } from './header.js';
import { SessionProvider } from './session.js';

// Swagger UI has the rest of the page, or the page has a text of its own.
const content = document.getElementById('main') ? 'main' : 'swagger-ui';
const root = document.createElement('div');
root.id = 'site-header';
document.body.prepend(root);
document.documentElement.lang = 'en';
render(
  <SessionProvider>
    <Announcer>
      <Header content={content} isDocumentation />
    </Announcer>
  </SessionProvider>,
  root,
);
