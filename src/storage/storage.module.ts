import { Global, Module } from '@nestjs/common';
import { BlobsService } from './blobs.service.js';
import { FileStore } from './file-store.js';
import { UploadGuard } from './upload.guard.js';

/** Where files are kept, and how they come in; for every feature that takes some. */
@Global()
@Module({
  providers: [FileStore, BlobsService, UploadGuard],
  exports: [FileStore, BlobsService, UploadGuard],
})
export class StorageModule {}
