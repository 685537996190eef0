import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A way to the database that a test can cut and open again. */
export interface DatabaseProxy {
  /** The database's address by this way. */
  readonly url: string;
  /** Ends every connection and refuses new ones. */
  cut(): Promise<void>;
  open(): Promise<void>;
  /** Takes connections and what they send, and passes nothing on, as a frozen server does. */
  freeze(): void;
  /** Passes on what was held, and goes on. */
  thaw(): void;
}

export async function startProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let held: (() => void)[] | null = null;
  const pass = (from: Socket, to: Socket) => {
    from.on('data', (chunk) => {
      const send = () => to.write(chunk);
      if (held) held.push(send);
      else send();
    });
  };
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    pass(client, upstream);
    pass(upstream, client);
  });
  let port = 0;
  const open = () =>
    new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', () => {
        ({ port } = server.address() as AddressInfo);
        resolve();
      });
    });
  await open();
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return {
    url: url.href,
    open,
    freeze: () => {
      held = [];
    },
    thaw: () => {
      for (const send of held ?? []) send();
      held = null;
    },
    cut: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}
