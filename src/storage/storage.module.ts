import { Global, Module } from '@nestjs/common';
import { AppConfig } from '../config/config.js';
import { BlobsService } from './blobs.service.js';
import { DiskStore } from './disk-store.js';
import { FileStore } from './file-store.js';
import { IncomingFiles } from './incoming-files.js';
import { UploadGuard } from './upload.guard.js';

/** Where files are kept, and how they come in; for every feature that takes some. */
@Global()
@Module({
  providers: [
    { provide: FileStore, inject: [AppConfig], useFactory: openStore },
    IncomingFiles,
    BlobsService,
    UploadGuard,
  ],
  exports: [FileStore, IncomingFiles, BlobsService, UploadGuard],
})
export class StorageModule {}

async function openStore(config: AppConfig): Promise<FileStore> {
  if (config.s3 === null) return new DiskStore(config);
  // Its client takes memory that a server with its files on disk is spared.
  const { S3Store } = await import('./s3-store.js');
  return S3Store.open(config.s3);
}
