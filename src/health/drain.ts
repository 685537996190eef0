import { Injectable } from '@nestjs/common';

/** Whether the server is stopping, told to load balancers by `/health/ready`. */
@Injectable()
export class Drain {
  private draining = false;

  get isDraining(): boolean {
    return this.draining;
  }

  begin(): void {
    this.draining = true;
  }
}
