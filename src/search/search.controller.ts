import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AuthAnyOf, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { Answers } from '../common/answers.decorator.js';
import {
  CANDIDATES_ENOUGH,
  CANDIDATES_MAX,
  searchQuery,
  searchResultSchema,
} from './search.schema.js';
import type { SearchQuery, SearchResult } from './search.schema.js';
import { SearchService } from './search.service.js';

@ApiTags('Search')
@Controller('search')
export class SearchController {
  constructor(private readonly searches: SearchService) {}

  @Get()
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('Search alerts, cases, tasks, observables and comments at once', searchResultSchema, {
    description:
      'The best match first, the newest of equally good ones before the others. Kinds that the caller holds no scope for are left out: ' +
      'tasks need `cases:read`, observables `observables:read`, comments the scope of what they are on.\n\n' +
      `The newest matches of each kind are ranked, at most ${CANDIDATES_MAX}; of words that a great many have, at least ${CANDIDATES_ENOUGH}. ` +
      'Parts of values that have no three letters or digits in a row, such as `10.1.2`, are looked for among the newest observables; whole values, such as `10.1.2.3`, among all. ' +
      'What is created after the first page is on none of the pages that follow it. ' +
      '`POST /api/alerts/search` and its like find every match of one kind.',
  })
  search(
    @Caller() principal: Principal,
    @Query({ schema: searchQuery }) query: SearchQuery,
  ): Promise<SearchResult> {
    return this.searches.search(principal, query);
  }
}
